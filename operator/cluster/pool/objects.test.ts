import { KubeClient } from '@qwenfleet/kube/client/client';
import { connect } from '@qwenfleet/kube/connection/connection';
import { ScriptedApi } from '@qwenfleet/kube/harness/scripted-api';
import type { KubeObject } from '@qwenfleet/kube/object';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { poolSeen } from '../../harness/pool-seen.ts';
import { deploymentOf } from '../../specs/harness/pool.ts';
import { Applier } from '../applier.ts';
import { isWorkload } from '../kinds.ts';
import { writeObjects, type PoolTarget, type Settled } from './objects.ts';

const deployment = deploymentOf({ replicas: 2 });
const { pool } = poolSeen(deployment);
const target = (replicas: number): PoolTarget => ({
  sizes: { [pool?.revision ?? '']: replicas },
  begins: new Map(),
  around: { integrations: {}, router: undefined },
});
const { signal } = new AbortController();

let api: ScriptedApi;
let client: KubeClient;
let applier: Applier;
let settled: Settled;
let close: () => Promise<void>;
/** What the API server has stored, by path. */
let stored: Map<string, KubeObject & { spec?: object }>;

beforeEach(async () => {
  api = await ScriptedApi.start();
  stored = new Map();
  api.otherwise = (response, { method, path, body }) => {
    const before = stored.get(path);
    const metadata = { uid: path, resourceVersion: String(api.received.length) };
    // A test sends what the client built; a deletion has no object in it.
    const sent = body as KubeObject & { spec?: object };
    if (method === 'DELETE') stored.delete(path);
    else {
      const spec = sent.spec ? { spec: { ...before?.spec, ...sent.spec } } : {};
      stored.set(path, {
        ...before,
        ...sent,
        ...spec,
        metadata: { ...before?.metadata, ...sent.metadata, ...metadata },
      });
    }
    response.end(JSON.stringify(stored.get(path) ?? { kind: 'Status' }));
  };
  const connection = await connect({ from: 'file', file: api.kubeconfig() });
  client = KubeClient.over({ connection });
  applier = new Applier(client, 'test');
  settled = {};
  close = () => connection.close();
});
afterEach(async () => {
  await close();
  await api.stop();
});

/** Looks at what is stored, and returns what was written. */
async function look(replicas = 2): Promise<string[]> {
  const before = api.received.length;
  const live = [...stored.values()];
  const seen = poolSeen(deployment, { live, workloads: live.filter(isWorkload) });
  await writeObjects({ client, applier, settled }, seen, target(replicas), signal);
  return api.received.slice(before).map(({ method, path }) => `${method} ${path.split('/').slice(-2).join('/')}`);
}

async function untilSettled(): Promise<void> {
  for (let looks = 0; settled.at === undefined; looks += 1) {
    expect(looks, 'looks until nothing is written').toBeLessThan(4);
    await look();
  }
}

describe('the objects of a pool', () => {
  it('are written once, and are not even built while nothing about them changes', async () => {
    expect((await look()).length).toBeGreaterThan(5);
    await untilSettled();
    const planned = vi.spyOn(applier, 'reconcile');
    expect(await look()).toEqual([]);
    expect(planned).not.toHaveBeenCalled();
  });

  it('come again, each time that somebody deletes one', async () => {
    await untilSettled();
    const [service = ''] = [...stored.keys()].filter((path) => path.includes('/services/'));
    for (let times = 0; times < 3; times += 1) {
      stored.delete(service);
      expect(await look()).toEqual(['PATCH services/chat']);
    }
  });

  it('are brought back where somebody has changed one', async () => {
    await untilSettled();
    const [service = ''] = [...stored.keys()].filter((path) => path.includes('/services/'));
    const now = stored.get(service);
    if (!now) throw new Error('there is no Service');
    stored.set(service, { ...now, spec: {}, metadata: { ...now.metadata, resourceVersion: 'other' } });
    expect(await look()).toEqual(['PATCH services/chat']);
  });

  it('follow the number of replicas', async () => {
    await untilSettled();
    expect(await look(3)).toHaveLength(1);
    expect([...stored.values()].filter(isWorkload)).toMatchObject([{ spec: { replicas: 3 } }]);
  });
});
