import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { randomSeed, seededRng } from '@qwenfleet/core/rng';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { getScale, setScale } from '@qwenfleet/kube/client/scale';
import { conflictingManagers, isConflict, isInvalid, isNotFound } from '@qwenfleet/kube/client/status-error';
import { connect, type Connection } from '@qwenfleet/kube/connection/connection';
import { Discovery } from '@qwenfleet/kube/discovery/discovery';
import { events } from '@qwenfleet/kube/events/event';
import { EventRecorder } from '@qwenfleet/kube/events/recorder';
import { finalize } from '@qwenfleet/kube/finalizer/finalize';
import { addFinalizer, removeFinalizer } from '@qwenfleet/kube/finalizer/finalizer';
import { configMaps, deployments, type ConfigMap } from '@qwenfleet/kube/kinds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiProxy } from '../harness/api-proxy.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { eventually } from '../harness/fleet.ts';
import { root } from '../house/imports.ts';

const environment = { clock: systemClock, rng: seededRng(randomSeed()), log: silentLogger };
const namespace = 'default';
const map = (name: string, data?: Record<string, string>, labels?: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  ...(data ? { data } : {}),
});

describe.skipIf(await clusterMissing)('the client on a real API server', () => {
  let cluster: Cluster;
  let connection: Connection;
  let client: KubeClient;
  beforeAll(async () => {
    cluster = await startCluster();
    connection = await connect({ from: 'file', file: cluster.kubeconfig }, environment);
    client = KubeClient.over({ connection, writes: { perSecond: 1_000, burst: 2_000 } }, environment);
  });
  afterAll(async () => {
    await connection?.close();
    await cluster?.stop();
  });

  describe('server-side apply', () => {
    it('creates, changes, and leaves out what this manager no longer wants', async () => {
      const made = await client.apply(map('mine', { a: '1', b: '2' }), { fieldManager: 'one' });
      const same = await client.apply(map('mine', { a: '1', b: '2' }), { fieldManager: 'one' });
      expect(same.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
      expect((await client.apply(map('mine', { a: '3' }), { fieldManager: 'one' })).data).toEqual({ a: '3' });
    });

    it('lets two managers own what each of them said, and names the owner of what both want', async () => {
      await client.apply(map('shared', { one: '1' }), { fieldManager: 'one' });
      const both = await client.apply(map('shared', { two: '2' }), { fieldManager: 'two' });
      expect(both.data).toEqual({ one: '1', two: '2' });
      const error = await client.apply(map('shared', { one: 'x' }), { fieldManager: 'two' }).catch((e: unknown) => e);
      expect(isConflict(error) && conflictingManagers(error)).toEqual([{ manager: 'one', field: '.data.one' }]);
      const forced = await client.apply(map('shared', { one: 'x' }), { fieldManager: 'two', force: true });
      expect(forced.data).toEqual({ one: 'x' });
    });
  });

  it('creates a kind with an irregular plural where discovery says it is', async () => {
    const discovery = new Discovery(client, environment);
    const found = await discovery.find('', 'v1', 'Endpoints');
    expect(found).toMatchObject({ plural: 'endpoints', namespaced: true });
    expect(await discovery.has('monitoring.coreos.com', 'v1', 'PodMonitor')).toBe(false);
    const group = { group: 'monitoring.coreos.com', scope: 'Namespaced' };
    const names = { kind: 'PodMonitor', plural: 'podmonitors', singular: 'podmonitor', listKind: 'PodMonitorList' };
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'podmonitors.monitoring.coreos.com' },
      spec: { ...group, names, versions: [{ name: 'v1', served: true, storage: true, schema }] },
    };
    await client.apply(crd, { fieldManager: 'test' });
    await eventually(
      async () => {
        discovery.recheck();
        return discovery.has('monitoring.coreos.com', 'v1', 'PodMonitor');
      },
      (has) => has,
      20_000,
    );
  });

  it('lists 1,200 objects in chunks that show one moment', async () => {
    const names = Array.from({ length: 1_200 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name) => client.create(configMaps, map(name, undefined, { set: 'many' }))));
    const sizes: number[] = [];
    const seen = new Set<string>();
    const moments = new Set<string>();
    for await (const page of client.pages(configMaps, { namespace, labelSelector: 'set=many' })) {
      sizes.push(page.items.length);
      moments.add(page.resourceVersion);
      for (const item of page.items) seen.add(item.metadata.name);
      // What happens between two chunks is not in the list.
      await client.create(configMaps, map(`late-${sizes.length}`, undefined, { set: 'many' }));
    }
    expect([sizes, seen.size, moments.size]).toEqual([[500, 500, 200], 1_200, 1]);
  });

  it('changes a scale only as it was seen', async () => {
    const labels = { app: 'scaled' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'none' }] } };
    const spec = { replicas: 0, selector: { matchLabels: labels }, template };
    await client.apply(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'scaled', namespace }, spec },
      { fieldManager: 'test' },
    );
    const at = { namespace, name: 'scaled' };
    const seen = await eventually(
      async () => {
        await systemClock.sleep(200);
        return getScale(client, deployments, at);
      },
      () => true,
      5_000,
    );
    expect((await setScale(client, deployments, at, { replicas: 0, seen })).spec.replicas ?? 0).toBe(0);
    await setScale(client, deployments, at, { replicas: 1, fieldManager: 'scaler' });
    const error = await setScale(client, deployments, at, { replicas: 5, seen }).catch((e: unknown) => e);
    expect(isConflict(error)).toBe(true);
    expect((await getScale(client, deployments, at)).spec.replicas).toBe(1);
  });

  it('writes a status only on what it has seen', async () => {
    const labels = { app: 'status' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'none' }] } };
    const at = { namespace, name: 'status' };
    const seen = await client.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { ...at, labels },
        spec: { replicas: 0, selector: { matchLabels: labels }, template },
      },
      { fieldManager: 'test' },
    );
    await client.apply(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...at, annotations: { note: 'changed' } } },
      { fieldManager: 'other' },
    );
    const error = await client.patchStatus(deployments, seen, { replicas: 0 }).catch((e: unknown) => e);
    expect(isConflict(error)).toBe(true);
  });

  describe('a server on a bad day', () => {
    let proxy: ApiProxy;
    let through: Connection;
    beforeAll(async () => {
      proxy = await ApiProxy.start({ kubeconfig: cluster.kubeconfig });
      through = await connect({ from: 'file', file: proxy.kubeconfig }, environment);
    });
    afterAll(async () => {
      await through?.close();
      await proxy?.stop();
    });
    const make = (): KubeClient => KubeClient.over({ connection: through, attemptMs: 2_000 }, environment);

    it('that asks to wait is obeyed, by writes too', async () => {
      proxy.inject(
        { kind: 'answer', status: 429, retryAfterSeconds: 1 },
        { when: ({ method }) => method === 'POST', times: 2 },
      );
      const startedMs = performance.now();
      await make().create(configMaps, map('patient'));
      expect(performance.now() - startedMs).toBeGreaterThan(1_990);
      const posts = proxy.requests.filter(({ method }) => method === 'POST').map(({ atMs }) => atMs);
      expect(posts).toHaveLength(3);
    });

    it('that fails is asked again for what may be done twice, and not for the rest', async () => {
      const client = make();
      proxy.inject({ kind: 'answer', status: 500 }, { times: 1 });
      proxy.inject({ kind: 'reset' }, { times: 1 });
      proxy.inject({ kind: 'hang' }, { times: 1 });
      await client.apply(map('stubborn'), { fieldManager: 'test' });
      proxy.inject({ kind: 'reset' }, { times: 1 });
      await expect(client.create(configMaps, map('once'))).rejects.toMatchObject({ code: 'upstream_failed' });
      expect(isNotFound(await client.get(configMaps, { namespace, name: 'once' }).catch((e: unknown) => e))).toBe(true);
    });
  });

  describe('finalizers', () => {
    const finalizer = 'example.com/cleanup';
    const target = () => ({ client, resource: configMaps, finalizer });

    it('are added only to what was seen, and removed whatever else changed', async () => {
      const seen = await client.create(configMaps, map('guarded'));
      await client.apply(map('guarded', { changed: 'yes' }), { fieldManager: 'other' });
      const stale = await addFinalizer(seen, target()).catch((e: unknown) => e);
      expect(isInvalid(stale) || isConflict(stale)).toBe(true);
      const held = await addFinalizer(await client.get(configMaps, seen.metadata), target());
      expect(held.metadata.finalizers).toEqual([finalizer]);
      await client.patch(configMaps, held.metadata, {
        merge: { metadata: { finalizers: ['example.com/first', finalizer] } },
      });
      await removeFinalizer(held, target());
      const left = await client.get(configMaps, held.metadata);
      expect(left.metadata.finalizers).toEqual(['example.com/first']);
      await removeFinalizer(left, target());
      await client.patch(configMaps, held.metadata, { json: [{ op: 'remove', path: '/metadata/finalizers' }] });
      await client.delete(configMaps, held.metadata);
      await removeFinalizer(held, target());
    });

    it('hold an object until it is cleaned up; a cleanup that fails too long may be given up', async () => {
      const made = await addFinalizer(await client.create(configMaps, map('leaving')), target());
      await client.delete(configMaps, made.metadata);
      const leaving = await client.get(configMaps, made.metadata);
      expect(leaving.metadata.deletionTimestamp).toBeDefined();
      const stuck: boolean[] = [];
      const options = {
        ...target(),
        cleanUp: () => Promise.reject(new Error('the bucket is down')),
        onStuck: (_o: ConfigMap, _e: unknown, forced: boolean) => void stuck.push(forced),
        mayForce: () => true,
      };
      await expect(finalize(leaving, options, { environment })).rejects.toThrow('the bucket is down');
      expect(stuck).toEqual([]);
      const later = { ...environment, clock: { ...systemClock, epochMs: () => Date.now() + 301_000 } };
      await finalize(leaving, options, { environment: later });
      expect(stuck).toEqual([true]);
      expect(isNotFound(await client.get(configMaps, made.metadata).catch((e: unknown) => e))).toBe(true);
    });
  });

  it('tells a thousand occurrences in one event with a count', async () => {
    const regarding = await client.create(configMaps, map('eventful'));
    const recorder = new EventRecorder({ client, controller: 'example.com/test', instance: 'test-0' }, environment);
    for (let index = 0; index < 1_000; index += 1) {
      recorder.record({ regarding, type: 'Normal', reason: 'Counted', action: 'Count', note: `number ${index}` });
      if (index % 100 === 0) await systemClock.sleep(5);
    }
    recorder.record({ regarding, type: 'Warning', reason: 'Failed', action: 'Count', note: 'no more' });
    await recorder.stop();
    const { items } = await client.list(events, { namespace });
    const told = items.filter(({ regarding: of }) => of.name === 'eventful');
    expect(Object.fromEntries(told.map(({ reason, series }) => [reason, series?.count]))).toEqual({
      Counted: 1_000,
      Failed: undefined,
    });
    expect(told).toHaveLength(2);
    const writes = cluster
      .audit()
      .filter(({ objectRef }) => objectRef?.resource === 'events' && objectRef.name?.startsWith('eventful'));
    expect(writes.length).toBeLessThan(40);
    expect((await cluster.kubectl(['describe', 'configmap', 'eventful'])).stdout).toContain('(x1000 over');
  });

  it('is refused what RBAC does not allow, in words', async () => {
    const nobody = await connect({ from: 'file', file: cluster.operatorKubeconfig }, environment);
    const refused = KubeClient.over({ connection: nobody }, environment).list(configMaps, { namespace });
    await expect(refused).rejects.toMatchObject({ code: 'forbidden', statusCode: 403, reason: 'Forbidden' });
    await nobody.close();
  });

  describe('the controller in the README', () => {
    let child: ChildProcess;
    beforeAll(() => {
      const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
      child = spawn(process.execPath, [path.join(root, 'kube/example.ts')], { env, stdio: ['ignore', 1, 2] });
    });
    afterAll(() => void child?.kill('SIGKILL'));

    const kubectl = async (...args: string[]): Promise<string> => (await cluster.kubectl(args)).stdout;
    const team = (wanted: string): Promise<string> =>
      eventually(
        () => kubectl('get', 'configmap', '-n', 'a', 'team', '-o', 'jsonpath={.data.team}'),
        (seen) => seen === wanted,
        60_000,
      );

    it('makes what is missing, mends what was changed, follows its source, and writes nothing at rest', async () => {
      await kubectl('create', 'namespace', 'a');
      await kubectl('label', 'namespace', 'a', 'team=red');
      await team('red');
      await kubectl('delete', 'configmap', '-n', 'a', 'team');
      await team('red');
      await kubectl('patch', 'configmap', '-n', 'a', 'team', '--patch', '{"data": {"team": "hacked"}}');
      await team('red');
      await kubectl('label', '--overwrite', 'namespace', 'a', 'team=blue');
      await team('blue');
      const writes = (): number => cluster.audit().filter(({ uri }) => uri.includes('fieldManager=teams')).length;
      const written = writes();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect([written >= 4, writes()]).toEqual([true, written]);
    });

    it('ends by itself when it is told to', async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    });
  });
});
