import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { installNeighbours, removeNeighbours } from '../harness/cluster/neighbours.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { poolText } from '../harness/cluster/pools.ts';
import { comesToRest } from '../harness/cluster/rest.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';

type Condition = { type: string; status: string; reason: string; message: string };
type Pool = {
  spec: { replicas?: number };
  metadata: { managedFields?: Managed[] };
  status?: { capabilities?: Record<string, boolean>; notActedOn?: { path: string }[]; conditions?: Condition[] };
};
type Managed = { manager: string; subresource?: string; fieldsV1?: { 'f:spec'?: Record<string, object> } };
type Workload = { metadata: { name: string; managedFields?: Managed[] }; spec: { replicas: number } };

const around = `
apiVersion: qwenfleet.io/v1alpha1
kind: HardwareClass
metadata: {name: gpu}
spec:
  accelerator: {resourceName: nvidia.com/gpu, countMax: 8}
  resources: {cpu: "1", memory: 1Gi}
---
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: front}
spec: {}
`;
const cpu = 'hardware: {class: cpu}';
const onCpu = (more: string): string => `${cpu}\n  ${more}`;
const all = ['keda', 'prometheusOperator', 'gatewayApi', 'inferencePool', 'leaderWorkerSet', 'kueue'] as const;
const integrations = {
  monitorLabels: { release: 'prometheus' },
  gateway: { name: 'public', namespace: 'gateways' },
  endpointPicker: { name: 'picker', port: 9002 },
};

describe.skipIf(await clusterMissing)('optional neighbours of the operator', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  const start = () => startOperator(cluster, { QWENFLEET_INTEGRATIONS: JSON.stringify(integrations) });
  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
    await gpuNodes(cluster, { name: 'gpu', resource: 'nvidia.com/gpu', count: 8 });
    await kubectl(
      cluster,
      ['apply', '-f', '-'],
      [
        around,
        poolText('watched', onCpu('slo: {availability: "99.9"}\n  scheduling: {queueName: team}')),
        poolText('scaled', onCpu('scaling: {owner: KEDA, minReplicas: 1, maxReplicas: 5}')),
        poolText('wide', 'hardware: {class: gpu, count: 2}\n  parallelism: {tensor: 2, pipeline: 2}'),
      ].join('---'),
    );
    operator = await start();
  });
  afterAll(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  const poolOf = (name: string) => get<Pool>(cluster, 'qd', name);
  const condition = async (name: string, type: string): Promise<Condition | undefined> =>
    (await poolOf(name))?.status?.conditions?.find((each) => each.type === type);
  const until = <T>(look: () => Promise<T>, wanted: (seen: T) => boolean): Promise<T> =>
    eventually(look, wanted, 90_000, 300);
  const untilReason = (name: string, type: string, reason: string) =>
    until(
      () => condition(name, type),
      (seen) => seen?.reason === reason,
    );
  const untilThere = (kind: string, name: string) => until(() => get(cluster, kind, name), Boolean);
  const untilGone = (kind: string, name: string) =>
    until(
      () => get(cluster, kind, name),
      (seen) => seen === undefined,
    );
  const workload = async (name: string): Promise<Workload | undefined> =>
    (await list<Workload>(cluster, 'deployments', '-l', `qwenfleet.io/deployment=${name}`, '--show-managed-fields'))[0];
  const untilReplicas = (name: string, count: number) =>
    until(
      () => workload(name),
      (seen) => seen?.spec.replicas === count,
    );
  /** Who has written the number of a pool through its scale subresource: the API server keeps no manager of that. */
  const scaledBy = (name: string): string[] =>
    cluster
      .audit()
      .filter(({ uri, code }) => uri.includes(`/qwendeployments/${name}/scale`) && code === 200)
      .map(({ uri, userAgent }) => new URL(uri, 'http://api').searchParams.get('fieldManager') ?? userAgent);
  /** Managers of the field, whoever wrote it another way. */
  const managersOf = async (name: string): Promise<string[]> => {
    const { stdout } = await cluster.kubectl(['get', 'qd', name, '-o', 'json', '--show-managed-fields']);
    // What kubectl prints of one object.
    const { metadata } = JSON.parse(stdout) as Pool;
    return (metadata.managedFields ?? [])
      .filter(({ fieldsV1 }) => fieldsV1?.['f:spec']?.['f:replicas'] !== undefined)
      .map(({ manager }) => manager);
  };
  const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1_000));
  const writes = (): string[] =>
    cluster
      .audit()
      .filter(({ userAgent, objectRef, user }) => {
        return user === 'admin' && !/^(kube|kwok)/.test(userAgent) && objectRef?.resource !== 'leases';
      })
      .map(({ verb, uri }) => `${verb} ${uri}`);

  it('are missed in words, and by nobody else', async () => {
    await untilReason('watched', 'WorkloadAvailable', 'MinimumAvailable');
    const watched = await poolOf('watched');
    expect(watched?.status?.notActedOn?.map(({ path }) => path)).toEqual(['spec.scheduling.queueName', 'spec.slo']);
    // Those that belong to the version of the server are there from the beginning.
    expect(watched?.status?.capabilities).toMatchObject({
      keda: false,
      prometheusOperator: false,
      horizontalPodAutoscaler: true,
      dynamicResources: true,
      imageVolumes: true,
      hpaScaleToZero: false,
    });
    expect((await condition('scaled', 'ScalingActive'))?.message).toContain('KEDA writes replicas, and is not here');
    expect((await condition('wide', 'WorkloadAvailable'))?.reason).toBe('LeaderWorkerSetMissing');
    await untilReplicas('scaled', 1);
  });

  it('are found while the operator runs, and get what is theirs', async () => {
    await installNeighbours(cluster, ...all);
    await untilThere('podmonitors.monitoring.coreos.com', 'watched');
    await untilThere('prometheusrules.monitoring.coreos.com', 'watched');
    await untilThere('podmonitors.monitoring.coreos.com', 'front');
    await untilThere('httproutes.gateway.networking.k8s.io', 'front');
    await untilThere('inferencepools.inference.networking.k8s.io', 'watched');
    await untilThere('scaledobjects.keda.sh', 'scaled');
    const monitor = await get<{ metadata: { labels: object } }>(
      cluster,
      'podmonitors.monitoring.coreos.com',
      'watched',
    );
    expect(monitor?.metadata.labels).toMatchObject({ release: 'prometheus' });
    const sets = await until(
      () => list<Workload>(cluster, 'leaderworkersets.leaderworkerset.x-k8s.io'),
      (seen) => seen[0]?.spec.replicas === 1,
    );
    expect(sets).toHaveLength(1);
    await untilReason('scaled', 'ScalingActive', 'ExternalOwner');
    const watched = await until(
      () => poolOf('watched'),
      (seen) => seen?.status?.notActedOn?.length === 0,
    );
    expect(Object.values(watched?.status?.capabilities ?? {}).filter((is) => !is)).toHaveLength(1);
  });

  it('have what was made for them put right again', async () => {
    await kubectl(cluster, ['delete', 'podmonitors.monitoring.coreos.com', 'watched']);
    const patch = '{"spec":{"maxReplicaCount":99}}';
    await kubectl(cluster, ['patch', 'scaledobjects.keda.sh', 'scaled', '--type=merge', '-p', patch]);
    await untilThere('podmonitors.monitoring.coreos.com', 'watched');
    await until(
      () => get<{ spec: { maxReplicaCount: number } }>(cluster, 'scaledobjects.keda.sh', 'scaled'),
      (seen) => seen?.spec.maxReplicaCount === 5,
    );
  });

  it('cost nothing at rest, nor when the operator starts anew', async () => {
    await comesToRest(writes);
    const before = writes().length;
    await operator.stop();
    operator = await start();
    await comesToRest(writes);
    expect(
      writes()
        .slice(before)
        .filter((write) => !write.includes('/events')),
    ).toEqual([]);
  });

  it('go again without a harm: what they did is said to be undone', async () => {
    await removeNeighbours(cluster, ...all);
    await untilReason('wide', 'WorkloadAvailable', 'LeaderWorkerSetMissing');
    await until(
      () => condition('scaled', 'ScalingActive'),
      (seen) => seen?.status === 'False',
    );
    const watched = await until(
      () => poolOf('watched'),
      (seen) => seen?.status?.capabilities?.['prometheusOperator'] === false,
    );
    expect(watched?.status?.notActedOn?.map(({ path }) => path)).toEqual(['spec.scheduling.queueName', 'spec.slo']);
    expect((await condition('watched', 'WorkloadAvailable'))?.reason).toBe('MinimumAvailable');
    await comesToRest(writes);
  });

  describe('that scale a pool in the place of the operator', () => {
    const owner = (name: string, scaling: object) =>
      kubectl(cluster, ['patch', 'qd', name, '--type=merge', '-p', JSON.stringify({ spec: { scaling } })]);

    beforeAll(async () => {
      await installNeighbours(cluster, 'keda');
      await kubectl(
        cluster,
        ['apply', '-f', '-'],
        poolText('handed', onCpu('scaling: {minReplicas: 2, maxReplicas: 6}')),
      );
      await untilReplicas('handed', 2);
    });

    it('begin with the number in force, which the operator writes once', async () => {
      await owner('handed', { owner: 'KEDA', minReplicas: 1 });
      await untilThere('scaledobjects.keda.sh', 'handed');
      await until(
        () => poolOf('handed'),
        (seen) => seen?.spec.replicas === 2,
      );
      expect(scaledBy('handed')).toEqual(['qwen-autoscaler']);
      expect((await workload('handed'))?.spec.replicas).toBe(2);
    });

    it('are obeyed, and own the field from then on', async () => {
      await kubectl(cluster, ['scale', 'qd', 'handed', '--replicas=4']);
      await untilReplicas('handed', 4);
      await seconds(5);
      expect((await poolOf('handed'))?.spec.replicas).toBe(4);
      // The operator has given the field up: its one write was the number that was in force.
      expect(scaledBy('handed').filter((manager) => manager.startsWith('qwen-'))).toHaveLength(1);
      expect((await managersOf('handed')).filter((manager) => manager.startsWith('qwen-'))).toEqual([]);
      const carried = (await workload('handed'))?.metadata.managedFields ?? [];
      const owners = carried.filter(({ fieldsV1 }) => fieldsV1?.['f:spec']?.['f:replicas'] !== undefined);
      expect(owners.map(({ manager }) => manager)).toEqual(['qwen-autoscaler']);
    });

    it('hand back what there is: the operator goes on from there', async () => {
      await owner('handed', { owner: 'Internal' });
      await untilGone('scaledobjects.keda.sh', 'handed');
      await seconds(5);
      expect((await workload('handed'))?.spec.replicas).toBe(4);
      expect((await poolOf('handed'))?.status?.notActedOn?.map(({ path }) => path)).toContain('spec.replicas');
      // At first nothing grows and nothing shrinks, for no router says anything.
      expect((await condition('handed', 'ScalingActive'))?.reason).toBe('NoSignal');
    });

    it('may be the cluster’s own autoscaler, which writes through the same subresource', async () => {
      await kubectl(
        cluster,
        ['apply', '-f', '-'],
        poolText('native', onCpu('scaling: {minReplicas: 1, maxReplicas: 6}')),
      );
      await untilReplicas('native', 1);
      // It brings a pool up to its least by itself, with no metric at all.
      await owner('native', { owner: 'HPA', minReplicas: 3 });
      await untilThere('horizontalpodautoscalers.autoscaling', 'native');
      await untilReplicas('native', 3);
      expect(scaledBy('native')).toEqual(['qwen-autoscaler', expect.stringContaining('horizontal-pod-autoscaler')]);
    });
  });
});
