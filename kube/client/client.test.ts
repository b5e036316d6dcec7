import { systemClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, connectionsMax, type Connection } from '../connection/connection.ts';
import { ScriptedApi, status } from '../harness/scripted-api.ts';
import { configMaps, deployments, nodes } from '../kinds.ts';
import { KubeClient } from './client.ts';
import { getScale, setScale } from './scale.ts';
import { conflictingManagers, isAlreadyExists, isConflict, isNotFound, StatusError } from './status-error.ts';
import type { TransportOptions } from './transport.ts';
import { userAgentOf } from './user-agent.ts';

let api: ScriptedApi;
let connection: Connection;
const telemetry = new Telemetry('kube');
/** The smallest backoff, so that a test does not wait for chance. */
const environment = { clock: systemClock, rng: () => 0, log: silentLogger, telemetry };

beforeEach(async () => {
  api = await ScriptedApi.start();
  connection = await connect({ from: 'file', file: api.kubeconfig() }, environment);
});
afterEach(async () => {
  await connection.close();
  await api.stop();
});

const create = (options: Partial<TransportOptions> = {}): KubeClient =>
  KubeClient.over({ connection, ...options }, environment);
const at = { namespace: 'a', name: 'x' };
const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...at, resourceVersion: '7' } };

describe('requests', () => {
  it('go to where each kind is', async () => {
    const client = create();
    await client.get(configMaps, at);
    await client.get(nodes, { name: 'n' });
    await client.get(deployments, { ...at, subresource: 'status' });
    await client.create(configMaps, map, { fieldManager: 'me' });
    await client.update(configMaps, map);
    await client.delete(configMaps, at, { propagationPolicy: 'Foreground', preconditions: { uid: 'u' } });
    await client.apply(
      { ...map, apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
      { fieldManager: 'me', force: true },
    );
    await client.applyStatus({ ...map, apiVersion: 'x.io/v1', kind: 'Proxy' }, { fieldManager: 'me' });
    expect(api.received.map(({ method, path, query }) => `${method} ${path}?${query.toString()}`)).toEqual([
      'GET /api/v1/namespaces/a/configmaps/x?',
      'GET /api/v1/nodes/n?',
      'GET /apis/apps/v1/namespaces/a/deployments/x/status?',
      'POST /api/v1/namespaces/a/configmaps?fieldManager=me',
      'PUT /api/v1/namespaces/a/configmaps/x?',
      'DELETE /api/v1/namespaces/a/configmaps/x?',
      'PATCH /apis/policy/v1/namespaces/a/poddisruptionbudgets/x?fieldManager=me&force=true',
      'PATCH /apis/x.io/v1/namespaces/a/proxies/x/status?fieldManager=me&force=false',
    ]);
    expect(api.received[5]?.body).toEqual({ propagationPolicy: 'Foreground', preconditions: { uid: 'u' } });
    expect(api.received[6]?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(new Set(api.received.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer first']));
  });

  it('say who asks, watches too, where that is given', async () => {
    const named = KubeClient.over({ connection, userAgent: userAgentOf('widgets', '1.2.0') }, environment);
    await named.get(configMaps, at);
    await create().get(configMaps, at);
    const stop = new AbortController();
    const watching = async (): Promise<void> => {
      const options = { resourceVersion: '1', timeoutSeconds: 1, signal: stop.signal };
      for await (const _event of named.watch(configMaps, options)) stop.abort();
    };
    await watching().catch(() => undefined);
    const own = `widgets/1.2.0 (${process.platform}/${process.arch}) kubernetes`;
    expect(api.received.map(({ headers }) => headers['user-agent'])).toEqual([own, undefined, own]);
  });

  it('patch with the content type of the patch', async () => {
    const client = create();
    await client.patch(configMaps, at, { json: [{ op: 'test', path: '/a', value: 1 }] });
    await client.patchStatus(configMaps, map, { ready: true });
    await setScale(client, deployments, at, { replicas: 2, seen: await getScale(client, deployments, at) });
    expect(api.received.map(({ headers, path, body }) => [headers['content-type'], path, body])).toEqual([
      ['application/json-patch+json', '/api/v1/namespaces/a/configmaps/x', [{ op: 'test', path: '/a', value: 1 }]],
      [
        'application/merge-patch+json',
        '/api/v1/namespaces/a/configmaps/x/status',
        { metadata: { resourceVersion: '7' }, status: { ready: true } },
      ],
      [undefined, '/apis/apps/v1/namespaces/a/deployments/x/scale', undefined],
      [
        'application/merge-patch+json',
        '/apis/apps/v1/namespaces/a/deployments/x/scale',
        { metadata: { resourceVersion: '1' }, spec: { replicas: 2 } },
      ],
    ]);
  });

  it('refuse to name a namespaced object without its namespace', async () => {
    await expect(create().get(configMaps, { name: 'x' })).rejects.toThrow(/without its namespace/);
  });

  it('share a few connections', async () => {
    const client = create();
    await Promise.all(Array.from({ length: 200 }, () => client.get(configMaps, at)));
    expect(api.connections).toBeLessThanOrEqual(connectionsMax);
  });
});

describe('a refusal', () => {
  it('is typed: status, reason, causes, and who owns the fields', async () => {
    const causes = [
      { reason: 'FieldManagerConflict', message: 'conflict with "hpa" using apps/v1', field: '.spec.replicas' },
    ];
    api.script = [status(409, { reason: 'Conflict', details: { causes } })];
    const error = await create()
      .apply(map, { fieldManager: 'me' })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'conflict', statusCode: 409, reason: 'Conflict', message: 'refused with 409' });
    expect(isConflict(error) && conflictingManagers(error)).toEqual([{ manager: 'hpa', field: '.spec.replicas' }]);
    expect(isAlreadyExists(error)).toBe(false);
  });

  it('that is not from the API server is typed all the same', async () => {
    api.script = [(response) => response.writeHead(404).end('<html>')];
    const error = await create()
      .get(configMaps, at)
      .catch((thrown: unknown) => thrown);
    expect(isNotFound(error)).toBe(true);
    expect(error).toBeInstanceOf(StatusError);
  });

  it('of a success that is not JSON, or not an object, is no success', async () => {
    api.script = [(response) => response.end('<html>'), { json: { metadata: {} } }];
    await expect(create({ callMs: 400 }).get(configMaps, at)).rejects.toMatchObject({ code: 'upstream_failed' });
    await expect(create().list(configMaps)).rejects.toThrow(/not a list of configmaps/);
  });
});

describe('retries', () => {
  it('wait as long as the server asks, for writes too: it has not begun them', async () => {
    api.script = [{ ...status(429), headers: { 'retry-after': '1' } }];
    const startedMs = performance.now();
    await create().create(configMaps, map);
    expect(performance.now() - startedMs).toBeGreaterThan(990);
    expect(api.received).toHaveLength(2);
  });

  it.each(['reset' as const, status(503), status(500)])('repeat what may be done twice: %j', async (answer) => {
    const client = create();
    api.script = [answer, answer];
    await client.get(configMaps, at);
    api.script = [answer];
    await client.apply(map, { fieldManager: 'me' });
    expect(api.received).toHaveLength(5);
  });

  it.each(['reset' as const, status(503)])('never repeat what may not: %j', async (answer) => {
    const client = create();
    api.script = [answer];
    await expect(client.create(configMaps, map)).rejects.toMatchObject({ code: 'upstream_failed' });
    api.script = [answer];
    await expect(client.patch(configMaps, at, { merge: {} })).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(api.received).toHaveLength(2);
  });

  it('end: with the last refusal after five attempts, or when the time of the call is up', async () => {
    api.otherwise = status(500);
    await expect(create().get(configMaps, at)).rejects.toMatchObject({ statusCode: 500 });
    expect(api.received).toHaveLength(5);
    api.otherwise = { ...status(429), headers: { 'retry-after': '60' } };
    await expect(create({ callMs: 100 }).get(configMaps, at)).rejects.toMatchObject({
      statusCode: 429,
      retryAfterMs: 60_000,
    });
  });

  it('do not follow a refusal that is about the request', async () => {
    api.otherwise = status(422);
    await expect(create().get(configMaps, at)).rejects.toMatchObject({ statusCode: 422 });
    expect(api.received).toHaveLength(1);
  });

  it('read the token again after a 401', async () => {
    api.script = [status(401)];
    const client = KubeClient.over({ connection: { ...view(connection), renew: () => renewed() } }, environment);
    const renewed = async (): Promise<void> => void api.kubeconfig('{token: second}');
    await client.get(configMaps, at);
    expect(api.received).toHaveLength(2);
  });
});

const view = (of: Connection): Connection => ({
  server: of.server,
  namespace: of.namespace,
  access: () => of.access(),
  renew: () => of.renew(),
  close: () => of.close(),
});

describe('every call', () => {
  it('has a deadline, for one attempt and for all of them', async () => {
    api.otherwise = 'hang';
    await expect(create({ attemptMs: 50 }).create(configMaps, map)).rejects.toMatchObject({ code: 'upstream_timeout' });
    await expect(create({ attemptMs: 50, callMs: 400 }).get(configMaps, at)).rejects.toMatchObject({
      code: 'upstream_timeout',
    });
  });

  it('ends when its caller leaves', async () => {
    api.otherwise = 'hang';
    const caller = new AbortController();
    const call = create().get(configMaps, at, { signal: caller.signal });
    setTimeout(() => caller.abort(new Error('gone')), 20);
    await expect(call).rejects.toThrow('gone');
  });

  it('is counted by verb and status', async () => {
    await create().apply(map, { fieldManager: 'me' });
    expect((await telemetry.expose()).body).toMatch(/rest_client_requests_total\{verb="apply",code="200"\} [1-9]/);
  });
});

describe('writes', () => {
  it('wait for their turn, reads do not', async () => {
    const client = create({ writes: { perSecond: 20, burst: 2 } });
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: 6 }, () => client.apply(map, { fieldManager: 'me' })));
    expect(performance.now() - startedMs).toBeGreaterThan(195);
    const caller = new AbortController();
    const late = client.create(configMaps, map, { signal: caller.signal });
    caller.abort(new Error('gone'));
    await expect(late).rejects.toThrow('gone');
    await client.get(configMaps, at);
    expect(api.received).toHaveLength(7);
  });

  it('leave only while the fence holds, and end when it falls', async () => {
    let leftMs = 1_000;
    const lost = new AbortController();
    const client = create().withFence({ leftMs: () => leftMs, signal: lost.signal });
    await client.apply(map, { fieldManager: 'me' });
    leftMs = 0;
    await expect(client.apply(map, { fieldManager: 'me' })).rejects.toMatchObject({ code: 'not_leader' });
    await client.get(configMaps, at);
    expect(api.received.map(({ method }) => method)).toEqual(['PATCH', 'GET']);
    api.otherwise = 'hang';
    leftMs = 30;
    await expect(client.create(configMaps, map)).rejects.toMatchObject({ code: 'not_leader' });
    leftMs = 10_000;
    const inFlight = client.create(configMaps, map);
    lost.abort(new Error('lost'));
    await expect(inFlight).rejects.toThrow('lost');
  });

  it('that waited for a connection meanwhile do not leave when the fence has fallen', async () => {
    const release: (() => void)[] = [];
    api.script = Array.from({ length: connectionsMax }, () => (response) => {
      release.push(() => response.end(JSON.stringify(map)));
    });
    let leftMs = 60_000;
    const client = create().withFence({ leftMs: () => leftMs, signal: new AbortController().signal });
    const reads = Array.from({ length: connectionsMax }, () => client.get(configMaps, at));
    while (release.length < connectionsMax) await systemClock.sleep(5);
    const write = client.apply(map, { fieldManager: 'me' });
    await systemClock.sleep(20);
    leftMs = 0;
    for (const each of release) each();
    await expect(write).rejects.toMatchObject({ code: 'not_leader' });
    await Promise.all(reads);
    expect(api.received.every(({ method }) => method === 'GET')).toBe(true);
  });
});

const page = (names: string[], token = '') => ({
  json: {
    metadata: { resourceVersion: '9', continue: token },
    items: names.map((name) => ({ metadata: { name, namespace: 'a' } })),
  },
});

describe('a list', () => {
  it('comes in chunks, and its items know their kind', async () => {
    api.script = [page(['a', 'b'], 'next'), page(['c'])];
    const { items, resourceVersion } = await create().list(configMaps, { labelSelector: 'x=y', resourceVersion: '0' });
    expect(items.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ConfigMap a',
      'ConfigMap b',
      'ConfigMap c',
    ]);
    expect(resourceVersion).toBe('9');
    expect(api.received.map(({ query }) => query.toString())).toEqual([
      'labelSelector=x%3Dy&limit=500&resourceVersion=0',
      'labelSelector=x%3Dy&limit=500&continue=next',
    ]);
  });

  it('asks for all at once when its next chunk has expired', async () => {
    api.script = [page(['a'], 'next'), status(410, { reason: 'Expired' }), page(['a', 'b'])];
    expect((await create().list(configMaps)).items).toHaveLength(2);
    expect(api.received[2]?.query.has('limit')).toBe(false);
  });
});

describe('a watch', () => {
  it('gives its lines, however the bytes come', async () => {
    api.script = [
      (response) => {
        const bytes = Buffer.from('{"a":"é"}\n\n{"b":2}\n{"half":');
        for (const byte of bytes) response.write(Buffer.from([byte]));
        response.end();
      },
    ];
    const lines: string[] = [];
    for await (const line of create().watch(configMaps, { resourceVersion: '5', timeoutSeconds: 300 }))
      lines.push(line);
    expect(lines).toEqual(['{"a":"é"}', '{"b":2}']);
    expect(api.received[0]?.query.toString()).toBe(
      'watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300',
    );
  });

  it('does not take a connection from requests, and ends with its signal', async () => {
    api.script = Array.from({ length: 20 }, () => (response) => response.writeHead(200).flushHeaders());
    const client = create();
    const over = new AbortController();
    const open = Array.from({ length: 20 }, async () => {
      for await (const _ of client.watch(configMaps, {
        resourceVersion: '5',
        timeoutSeconds: 300,
        signal: over.signal,
      })) {
        // Nothing comes.
      }
    });
    while (api.received.length < 20) await systemClock.sleep(5);
    await client.get(configMaps, at);
    over.abort(new Error('enough'));
    const ends = await Promise.allSettled(open);
    expect(ends.every((end) => end.status === 'rejected' && String(end.reason).includes('enough'))).toBe(true);
  });

  it('that is refused says why', async () => {
    api.script = [status(410, { reason: 'Expired' })];
    const lines = create().watch(configMaps, { resourceVersion: '5', timeoutSeconds: 300 });
    await expect(lines.next()).rejects.toMatchObject({ statusCode: 410, reason: 'Expired' });
  });
});
