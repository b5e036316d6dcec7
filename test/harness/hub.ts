import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { close, listen } from './browser-upstream.ts';

export type Hub = {
  url: string;
  /** Requests in order: method, path, range. */
  seen: string[];
  /** Authorization headers that the storage behind the redirect was sent. */
  leaked: string[];
  /** The next download of this file breaks off after so many bytes. */
  cut: (name: string, afterBytes: number) => void;
  /** The next download of this file stands still after so many bytes. */
  stall: (name: string, afterBytes: number) => void;
  /** What the storage sends for this file from now on. */
  replace: (name: string, bytes: Uint8Array) => void;
  /** Names a file that it does not have. */
  announce: (name: string) => void;
  bytesSent: () => number;
  close: () => Promise<void>;
};

export const hubCommit = 'c0ffee'.repeat(7).slice(0, 40);

/**
 * A hub that speaks the protocol of huggingface.co as far as downloads go: a description of the revision, digests at the
 * resolve address, large files behind a redirect to storage on another origin, ranges.
 */
export async function serveHub(repository: string, folder: string, token?: string): Promise<Hub> {
  const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))]));
  const digests = new Map([...files].map(([name, bytes]) => [name, digestOf(name, bytes)]));
  const announced = ['README.md'];
  const cuts = new Map<string, number>();
  const stalls = new Map<string, number>();
  const seen: string[] = [];
  const leaked: string[] = [];
  let bytesSent = 0;

  const sendFile = (request: IncomingMessage, response: ServerResponse, name: string): void => {
    const bytes = files.get(name) ?? Buffer.alloc(0);
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start >= bytes.length) return void response.writeHead(416).end();
    const part = bytes.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': part.length });
    const [cutAt, stallAt] = [cuts.get(name), stalls.get(name)];
    cuts.delete(name);
    stalls.delete(name);
    const sent = part.subarray(0, cutAt ?? stallAt);
    bytesSent += sent.length;
    response.write(sent, () => {
      // What was sent must have time to arrive, or there is nothing to go on from.
      if (cutAt !== undefined) setTimeout(() => response.destroy(), 300);
      else if (stallAt === undefined) response.end();
    });
  };

  const storage = createServer((request, response) => {
    seen.push(`storage ${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    if (request.headers.authorization !== undefined) leaked.push(request.headers.authorization);
    sendFile(request, response, path.basename(request.url ?? ''));
  });
  const storageUrl = await listen(storage);

  const hub = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return void response.writeHead(401).end();
    if (/^\/api\/models\/[^/]+\/[^/]+\/revision\//.test(request.url ?? '')) {
      if (!request.url?.startsWith(`/api/models/${repository}/revision/main`))
        return void response.writeHead(404).end();
      const description = {
        id: repository,
        sha: hubCommit,
        siblings: [...files.keys(), ...announced].map((rfilename) => ({ rfilename })),
      };
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(description));
    }
    const name = path.basename(request.url ?? '');
    if (request.url !== `/${repository}/resolve/${hubCommit}/${name}` || !files.has(name))
      return void response.writeHead(404).end();
    const digest = digests.get(name) ?? '';
    if (digest.length === 64) {
      const headers = {
        'x-linked-etag': `"${digest}"`,
        'x-repo-commit': hubCommit,
        location: `${storageUrl}/lfs/${name}`,
      };
      return void response.writeHead(302, headers).end();
    }
    if (request.method === 'HEAD')
      return void response.writeHead(200, { etag: `"${digest}"`, 'x-repo-commit': hubCommit }).end();
    return sendFile(request, response, name);
  });
  const url = await listen(hub);
  return {
    url,
    seen,
    leaked,
    cut: (name, afterBytes) => cuts.set(name, afterBytes),
    stall: (name, afterBytes) => stalls.set(name, afterBytes),
    announce: (name) => void announced.push(name),
    replace: (name, bytes) => files.set(name, Buffer.from(bytes)),
    bytesSent: () => bytesSent,
    close: async () => {
      await close(hub);
      await close(storage);
    },
  };
}

/** The hub keeps weights in LFS, named by sha256, and small files in git, named by git's own digest. */
function digestOf(name: string, bytes: Buffer): string {
  if (name.endsWith('.safetensors') || name.endsWith('.gguf')) return createHash('sha256').update(bytes).digest('hex');
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
