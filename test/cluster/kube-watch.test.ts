import { Controller } from '@qwenfleet/kube/controller/controller';
import { changesOf } from '@qwenfleet/kube/controller/source';
import { configMaps, deployments, type ConfigMap, type Deployment } from '@qwenfleet/kube/kinds';
import { compareVersions } from '@qwenfleet/kube/object';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector, type ReflectorOptions } from '@qwenfleet/kube/reflector/reflector';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiProxy } from '../harness/api-proxy.ts';
import { accessApi, type ApiAccess } from '../harness/cluster-api.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { eventually } from '../harness/fleet.ts';

const namespace = 'default';
const map = (name: string, set: string, value = ''): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { set } },
  data: { value },
});

describe.skipIf(await clusterMissing)('a cache on a real API server', () => {
  let cluster: Cluster;
  let direct: ApiAccess;
  let proxy: ApiProxy;
  let through: ApiAccess;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    cluster = await startCluster();
    direct = await accessApi(cluster.kubeconfig);
  });
  afterAll(async () => {
    await direct?.close();
    await cluster?.stop();
  });
  beforeEach(async () => {
    proxy = await ApiProxy.start({ kubeconfig: cluster.kubeconfig });
    through = await accessApi(proxy.kubeconfig, { attemptMs: 2_000 });
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await through.close();
    await proxy.stop();
  });

  /** A cache of the objects of one set, by way of the proxy or not. */
  async function follow(
    api: ApiAccess,
    set: string,
    options: Partial<ReflectorOptions<ConfigMap>> = {},
  ): Promise<Reflector<ConfigMap>> {
    const source = listWatch(api.client, configMaps, { namespace, labelSelector: `set=${set}` });
    const reflector = new Reflector({ name: set, source, ...options }, api.environment);
    stops.push(() => reflector.stop());
    reflector.start();
    await reflector.synced;
    return reflector;
  }
  const put = (name: string, set: string, value?: string): Promise<ConfigMap> =>
    direct.client.apply(map(name, set, value), { fieldManager: 'test', force: true });
  const values = (reflector: Reflector<ConfigMap>): Record<string, string> =>
    Object.fromEntries(reflector.cache.list().map((o) => [o.metadata.name, o.data?.['value'] ?? '']));
  const sees = (reflector: Reflector<ConfigMap>, name: string, value = ''): Promise<unknown> =>
    eventually(
      async () => values(reflector)[name],
      (seen) => seen === value,
      30_000,
      20,
    );
  const watching = (count: number): Promise<unknown> =>
    eventually(
      async () => proxy.watches.length,
      (open) => open === count,
      10_000,
      10,
    );

  it('misses nothing when the API server is killed and comes back', async () => {
    const reflector = await follow(direct, 'killed');
    const followed = new Map<string, string>();
    reflector.subscribe((change) => {
      if (change.type === 'deleted') followed.delete(change.object.metadata.name);
      else followed.set(change.object.metadata.name, change.object.data?.['value'] ?? '');
    });
    const cut = await follow(through, 'killed');
    await watching(1);
    for (const watch of proxy.watches) watch.silence();
    await Promise.all(Array.from({ length: 50 }, (_, index) => put(`before-${index}`, 'killed')));
    await cluster.kill('apiserver');
    // As soon as it is back, and before the cache has noticed.
    await cluster.start('apiserver');
    const write = async (name: string): Promise<unknown> =>
      eventually(
        () => put(name, 'killed', 'after').catch(() => undefined),
        (made) => made !== undefined,
        60_000,
      );
    await Promise.all(Array.from({ length: 30 }, (_, index) => write(`before-${index}`)));
    await Promise.all(
      [40, 41, 42].map((index) => direct.client.delete(configMaps, { namespace, name: `before-${index}` })),
    );
    const { items } = await direct.client.list(configMaps, { namespace, labelSelector: 'set=killed' });
    const wanted = Object.fromEntries(items.map((o) => [o.metadata.name, o.data?.['value'] ?? '']));
    await vi.waitFor(() => expect(values(reflector)).toEqual(wanted), { timeout: 60_000 });
    expect(Object.fromEntries(followed)).toEqual(wanted);
    expect(await direct.metric(/reflector_missed_events_total\{name="killed"\} (\d+)/)).toBe(0);
    await vi.waitFor(() => expect(values(cut)).toEqual(wanted), { timeout: 60_000 });
    // A server that has started anew says 410 to who asks for what was before.
    expect(await through.metric(/reflector_relists_total\{name="killed",reason="gone"\} (\d+)/)).toBe(1);
  });

  it('lists again after 410, and has what it was not told', async () => {
    const reflector = await follow(through, 'gone');
    await watching(1);
    proxy.watches[0]?.silence();
    await put('untold', 'gone');
    proxy.inject({ kind: 'answer', status: 410, reason: 'Expired' }, { when: ({ isWatch }) => isWatch, times: 1 });
    proxy.watches[0]?.reset();
    await sees(reflector, 'untold');
    expect(await through.metric(/reflector_relists_total\{name="gone",reason="gone"\} (\d+)/)).toBe(1);
    await watching(1);
    proxy.watches[0]?.expire();
    await eventually(
      () => through.metric(/reflector_relists_total\{name="gone",reason="gone"\} (\d+)/),
      (count) => count === 2,
      10_000,
    );
  });

  it('notices a watch that is half open', async () => {
    const reflector = await follow(through, 'half', { deadPeerMs: [1_000, 1_500] });
    await watching(1);
    await put('told', 'half');
    await sees(reflector, 'told');
    for (const watch of proxy.watches) watch.silence();
    await put('untold', 'half');
    const startedMs = performance.now();
    await sees(reflector, 'untold');
    expect(performance.now() - startedMs).toBeGreaterThan(500);
  });

  it('stays right while events come twice and out of order, and never goes back in time', async () => {
    const reflector = await follow(through, 'mischief');
    const backwards: string[] = [];
    reflector.subscribe((change) => {
      if (change.type !== 'updated') return;
      const order = compareVersions(change.object.metadata.resourceVersion, change.previous.metadata.resourceVersion);
      if ((order ?? 0) <= 0) backwards.push(change.key);
    });
    await watching(1);
    proxy.mischief = { duplicate: true, reorder: true };
    for (let round = 0; round < 10; round += 1) {
      for (const name of ['x', 'y', 'z']) await put(name, 'mischief', String(round));
    }
    await direct.client.delete(configMaps, { namespace, name: 'x' });
    await put('even', 'mischief');
    await vi.waitFor(() => expect(values(reflector)).toEqual({ even: '', y: '9', z: '9' }), { timeout: 10_000 });
    expect(backwards).toEqual([]);
  });

  it('comes through refusals, broken connections and silence of every request it makes', async () => {
    const reflector = await follow(through, 'bad', { retryBackoff: { baseMs: 50, maxMs: 500, factor: 2 } });
    await put('first', 'bad');
    await sees(reflector, 'first');
    proxy.inject({ kind: 'answer', status: 500 }, { times: 1 });
    proxy.inject({ kind: 'answer', status: 429, retryAfterSeconds: 1 }, { times: 1 });
    proxy.inject({ kind: 'reset' }, { times: 1 });
    proxy.inject({ kind: 'hang' }, { times: 1 });
    for (const watch of proxy.watches) watch.reset();
    await put('second', 'bad');
    await sees(reflector, 'second');
  });

  it('reconciles again when a status was written on something old', async () => {
    const labels = { app: 'requeued' };
    const at = { namespace, name: 'requeued' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'none' }] } };
    const deployment: Deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...at, labels },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    };
    const source = listWatch(direct.client, deployments, { namespace, labelSelector: 'app=requeued' });
    const reflector = new Reflector({ name: 'requeued', source }, direct.environment);
    const done: string[] = [];
    const controller = new Controller(
      {
        name: 'requeued',
        sources: [changesOf(reflector)],
        reconcile: async (key) => {
          const seen = reflector.cache.get(key);
          if (!seen || done.length > 0) return;
          // Somebody changes it between the read and the write, the first time.
          if (seen.metadata.annotations?.['note'] === undefined) {
            const changed = { ...deployment, metadata: { ...deployment.metadata, annotations: { note: 'x' } } };
            await direct.client.apply(changed, { fieldManager: 'test' });
          }
          await direct.client.patchStatus(deployments, seen, { replicas: 0 });
          done.push(seen.metadata.annotations?.['note'] ?? 'old');
        },
      },
      direct.environment,
    );
    stops.push(async () => {
      await controller.stop();
      await reflector.stop();
    });
    controller.start();
    reflector.start();
    await direct.client.apply(deployment, { fieldManager: 'test' });
    await eventually(
      async () => done,
      (seen) => seen.length > 0,
      20_000,
    );
    expect(done).toEqual(['x']);
    expect(
      await direct.metric(/controller_runtime_reconcile_total\{controller="requeued",result="requeue"\} (\d+)/),
    ).toBeGreaterThan(0);
    expect(
      await direct.metric(/controller_runtime_reconcile_total\{controller="requeued",result="error"\} (\d+)/),
    ).toBe(0);
  });
});
