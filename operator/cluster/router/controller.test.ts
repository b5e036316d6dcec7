import type { ServerResponse } from 'node:http';
import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { isConflict } from '@qwenfleet/kube/client/status-error';
import { connect, type Connection } from '@qwenfleet/kube/connection/connection';
import { Discovery } from '@qwenfleet/kube/discovery/discovery';
import { EventRecorder } from '@qwenfleet/kube/events/recorder';
import { echo, ScriptedApi, type Received } from '@qwenfleet/kube/harness/scripted-api';
import type { KubeObject } from '@qwenfleet/kube/object';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { images } from '../../specs/harness/pool.ts';
import { Applier } from '../applier.ts';
import { Caches } from '../caches.ts';
import { RouterController } from './controller.ts';

const router = {
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind: 'QwenRouter',
  metadata: { name: 'main', namespace: 'fleet', uid: 'one', resourceVersion: '1' },
  spec: {},
};

let api: ScriptedApi;
let connection: Connection;
let caches: Caches;
let events: EventRecorder;
let controller: RouterController;
/** The router as the API server has it; no watch tells of it. */
let stored: KubeObject;

beforeEach(async () => {
  api = await ScriptedApi.start();
  api.otherwise = answer;
  stored = router;
  connection = await connect({ from: 'file', file: api.kubeconfig() });
  const environment = { clock: new ManualClock(), rng: seededRng(1), log: silentLogger };
  const client = KubeClient.over({ connection }, environment);
  const discovery = new Discovery(client, environment, { freshMs: 10_000 });
  caches = new Caches({ client, namespace: undefined, discovery, environment });
  events = new EventRecorder({ client, controller: 'qwenfleet.io/operator', instance: 'test' }, environment);
  controller = new RouterController({
    client,
    caches,
    applier: new Applier(client, 'test'),
    events,
    environment,
    images: { ...images, router: 'qwenfleet/router:test' },
    integrations: {},
    reportsOf: () => [],
  });
  caches.routers.start();
  await caches.routers.synced;
});
afterEach(async () => {
  await caches.routers.stop();
  await connection.close();
  await api.stop();
});

/** An API server with one router, which refuses what was decided on an older version of it. */
function answer(response: ServerResponse, received: Received): void {
  const { path, query, body } = received;
  if (query.has('watch')) return response.writeHead(200).flushHeaders();
  if (path.endsWith('/qwenrouters'))
    return void response.end(JSON.stringify({ kind: 'List', metadata: { resourceVersion: '1' }, items: [stored] }));
  if (!path.endsWith('/qwenrouters/main/status')) return echo(response, received);
  const { metadata, ...rest } = body as KubeObject;
  const { resourceVersion = '' } = stored.metadata;
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== resourceVersion)
    return void response.writeHead(409).end(JSON.stringify({ kind: 'Status', code: 409, reason: 'Conflict' }));
  stored = {
    ...stored,
    ...rest,
    metadata: { ...stored.metadata, resourceVersion: String(Number(resourceVersion) + 1) },
  };
  response.end(JSON.stringify(stored));
}

describe('a router', () => {
  it('has what happens to it told once, though the cache is behind', async () => {
    const { signal } = new AbortController();
    await controller.reconcile('fleet/main', signal);
    const again = controller.reconcile('fleet/main', signal);
    await expect(again).rejects.toSatisfy(isConflict);
    await events.stop();
    const told = api.received.filter(({ path }) => path.includes('/events'));
    expect(told.map(({ method, body }) => `${method} ${(body as { reason?: string }).reason}`)).toEqual([
      expect.stringMatching(/^POST /),
    ]);
  });
});
