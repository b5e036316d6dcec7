import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

type Item = { metadata: { name: string; resourceVersion?: string } & Record<string, unknown> } & Record<
  string,
  unknown
>;

export type WatchApi = {
  kubeconfig: string;
  /** Creates or replaces an object of a collection, such as `secrets`; those who watch are told. */
  put: (plural: string, object: Item) => void;
  /** Bodies of PATCH requests by path, in order. */
  patches: { path: string; body: unknown }[];
  /** Answers of GET for paths that are no collection. */
  objects: Map<string, unknown>;
  stop: () => void;
};

/** Lists and watches over HTTP as the API server does them, for tests that need no control plane. */
export async function startWatchApi(namespace: string): Promise<WatchApi> {
  const collections = new Map<string, Map<string, Item>>();
  const watchers = new Map<string, Set<ServerResponse>>();
  const objects = new Map<string, unknown>();
  const patches: WatchApi['patches'] = [];
  let version = 1;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const plural = url.pathname.split('/').at(-1) ?? '';
    if (request.method === 'PATCH') {
      void readJson(request).then((body) => {
        patches.push({ path: url.pathname, body });
        response.end(JSON.stringify(objects.get(url.pathname)));
      });
    } else if (objects.has(url.pathname)) response.end(JSON.stringify(objects.get(url.pathname)));
    else if (url.searchParams.get('watch') === 'true') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      const set = watchers.get(plural) ?? new Set();
      watchers.set(plural, set.add(response));
      response.on('close', () => set.delete(response));
      const from = Number(url.searchParams.get('resourceVersion'));
      for (const item of collections.get(plural)?.values() ?? [])
        if (Number(item.metadata.resourceVersion) > from) tell(response, item);
    } else {
      const items = [...(collections.get(plural)?.values() ?? [])];
      response.end(JSON.stringify({ kind: 'List', metadata: { resourceVersion: String(version) }, items }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-watch-api-'));
  const kubeconfig = path.join(folder, 'kubeconfig');
  const cluster = { name: 'c', cluster: { server: `http://127.0.0.1:${port}` } };
  const context = { name: 'x', context: { cluster: 'c', user: 'u', namespace } };
  const users = [{ name: 'u', user: { token: 't' } }];
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [cluster],
      users,
      contexts: [context],
      'current-context': 'x',
    }),
  );
  return {
    kubeconfig,
    patches,
    objects,
    put: (plural, object) => {
      version += 1;
      const item = { ...object, metadata: { ...object.metadata, namespace, resourceVersion: String(version) } };
      collections.set(plural, (collections.get(plural) ?? new Map()).set(object.metadata.name, item));
      for (const response of watchers.get(plural) ?? []) tell(response, item);
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An object that is put again is new to whoever has not seen it, and MODIFIED does for both. */
const tell = (response: ServerResponse, object: Item): void =>
  void response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);

async function readJson(request: NodeJS.ReadableStream): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text);
}
