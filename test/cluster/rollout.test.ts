import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { poolText } from '../harness/cluster/pools.ts';
import { comesToRest } from '../harness/cluster/rest.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';

type Pool = { metadata: { resourceVersion: string }; status?: QwenDeploymentStatus };
type Workload = {
  metadata: { name: string; labels: Record<string, string> };
  spec: { replicas: number };
  status: { readyReplicas?: number };
};

const hardware = `
apiVersion: qwenfleet.io/v1alpha1
kind: HardwareClass
metadata: {name: l4}
spec:
  accelerator: {resourceName: nvidia.com/gpu, memory: 24Gi}
  resources: {cpu: "2", memory: 8Gi}
`;
/** No router takes these pools: nothing is counted, so only people bring a canary further. */
const pool = (name: string, contextLength: number, rollout: string, replicas = 3): string =>
  poolText(
    name,
    `quantization: int8
  hardware: {class: l4, count: 1}
  replicas: ${replicas}
  engine: {contextLength: ${contextLength}}
  rollout: ${rollout}`,
  );
const canary = '{strategy: Canary, canary: {steps: [{weight: 20, pause: 5s}], analysis: {minRequests: 50}}}';

describe.skipIf(await clusterMissing)('a new revision on a real control plane', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
    await gpuNodes(cluster, { name: 'l4', resource: 'nvidia.com/gpu', count: 8, nodes: 2 });
    await kubectl(cluster, ['apply', '-f', '-'], hardware);
    operator = await startOperator(cluster);
  });
  afterAll(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  const apply = (text: string): Promise<string> => kubectl(cluster, ['apply', '-f', '-'], text);
  const statusOf = async (name: string): Promise<QwenDeploymentStatus> =>
    (await get<Pool>(cluster, 'qd', name))?.status ?? {};
  const rolloutOf = async (name: string): Promise<NonNullable<QwenDeploymentStatus['rollout']>> =>
    (await statusOf(name)).rollout ?? {};
  const until = (name: string, isSo: (status: QwenDeploymentStatus) => boolean): Promise<QwenDeploymentStatus> =>
    eventually(() => statusOf(name), isSo, 90_000, 200);
  const isDone = ({ rollout, readyReplicas, replicas }: QwenDeploymentStatus, wanted = 3): boolean =>
    rollout?.currentRevision !== undefined &&
    rollout.updateRevision === undefined &&
    readyReplicas === wanted &&
    replicas === wanted;
  const sizes = async (name: string): Promise<Record<string, number>> => {
    const workloads = await list<Workload>(cluster, 'deployments', '-l', `qwenfleet.io/deployment=${name}`);
    return Object.fromEntries(
      workloads.map(({ metadata, spec }) => [metadata.labels['qwenfleet.io/revision'] ?? '', spec.replicas]),
    );
  };
  const reasonsOf = async (name: string): Promise<string[]> =>
    (await list<{ reason: string; regarding: { name: string } }>(cluster, 'events.events.k8s.io'))
      .filter(({ regarding }) => regarding.name === name)
      .map(({ reason }) => reason);
  const conditionOf = async (name: string, type: string) =>
    (await statusOf(name)).conditions?.find((condition) => condition.type === type);
  /** A pool that serves its first revision; returns its name. */
  const first = async (name: string, rollout: string, replicas = 3): Promise<string> => {
    await apply(pool(name, 2048, rollout, replicas));
    const { rollout: is } = await until(name, (status) => isDone(status, replicas));
    return is?.currentRevision ?? '';
  };
  /** Asks for a second revision; returns its name once it is coming. */
  const second = async (name: string, rollout: string): Promise<string> => {
    await apply(pool(name, 4096, rollout));
    const { rollout: is } = await until(name, ({ rollout: seen }) => seen?.updateRevision !== undefined);
    return is?.updateRevision ?? '';
  };
  const writes = (): string[] =>
    cluster
      .audit()
      .filter(({ user, userAgent, objectRef }) => {
        return user === 'admin' && !userAgent.startsWith('kube') && objectRef?.resource !== 'leases';
      })
      .map(({ verb, uri }) => `${verb} ${uri.split('?')[0]}`);

  it('is written down in the status before a replica of it is made', async () => {
    const a = await first('rolling', '{maxSurge: 1}');
    expect((await rolloutOf('rolling')).replicas).toEqual([{ revision: a, replicas: 3, weight: 100 }]);
    const before = writes().length;
    const b = await second('rolling', '{maxSurge: 1}');
    await until('rolling', (status) => isDone(status));
    const since = writes().slice(before);
    const stored = since.findIndex((line) => line.endsWith('/qwendeployments/rolling/status'));
    const made = since.findIndex((line) => line.endsWith(`/deployments/rolling-${b}`));
    expect(stored).toBeGreaterThanOrEqual(0);
    expect(made).toBeGreaterThan(stored);
    expect(await sizes('rolling')).toEqual({ [b]: 3 });
    const { currentRevision, history } = await rolloutOf('rolling');
    expect(currentRevision).toBe(b);
    expect(history).toMatchObject([{ revision: a, outcome: 'Replaced' }]);
    expect(await reasonsOf('rolling')).toEqual(expect.arrayContaining(['RolloutStarted', 'RolloutComplete']));
  });

  it('as a canary is one replica that waits for requests, also over the death of the operator', async () => {
    const a = await first('careful', canary);
    const b = await second('careful', canary);
    await until('careful', ({ rollout }) => rollout?.stepStartedAt !== undefined);
    const waiting = await until('careful', ({ conditions }) =>
      Boolean(conditions?.some(({ reason }) => reason === 'InsufficientData')),
    );
    expect(await sizes('careful')).toEqual({ [a]: 2, [b]: 1 });
    expect(waiting.rollout?.replicas).toEqual([
      { revision: a, replicas: 2, weight: 80 },
      { revision: b, replicas: 1, weight: 20 },
    ]);
    await operator.kill();
    operator = await startOperator(cluster);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(await sizes('careful')).toEqual({ [a]: 2, [b]: 1 });
    const { round, step, stepStartedAt } = await rolloutOf('careful');
    expect({ round, step, stepStartedAt }).toEqual({
      round: waiting.rollout?.round,
      step: 0,
      stepStartedAt: waiting.rollout?.stepStartedAt,
    });
  });

  it('is brought in whole by an annotation', async () => {
    const { updateRevision = '' } = await rolloutOf('careful');
    await kubectl(cluster, ['annotate', 'qd/careful', `qwenfleet.io/promote=${updateRevision}`]);
    const { rollout } = await until('careful', (status) => isDone(status));
    expect(rollout?.currentRevision).toBe(updateRevision);
    expect(await sizes('careful')).toEqual({ [updateRevision]: 3 });
    expect(await reasonsOf('careful')).toEqual(expect.arrayContaining(['RolloutPromoted', 'RolloutComplete']));
  });

  it('is taken back by an annotation, and not tried again', async () => {
    const a = await first('stopped', canary);
    const b = await second('stopped', canary);
    await eventually(
      () => sizes('stopped'),
      (seen) => seen[b] === 1,
      30_000,
      100,
    );
    await kubectl(cluster, ['annotate', 'qd/stopped', `qwenfleet.io/abort=${b}`]);
    await until('stopped', (status) => isDone(status) && status.rollout?.rejected?.revision === b);
    expect(await conditionOf('stopped', 'RolloutHealthy')).toMatchObject({ status: 'False', reason: 'Aborted' });
    await operator.kill();
    operator = await startOperator(cluster);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await sizes('stopped')).toEqual({ [a]: 3 });
    expect((await rolloutOf('stopped')).currentRevision).toBe(a);
  });

  it('gets all of the traffic at once beside the old one when it is blue and green', async () => {
    const a = await first('twofold', '{strategy: BlueGreen}');
    const b = await second('twofold', '{strategy: BlueGreen}');
    const { rollout } = await until('twofold', (status) => status.rollout?.stepStartedAt !== undefined);
    expect(rollout?.replicas).toEqual([
      { revision: a, replicas: 3 },
      { revision: b, replicas: 3, weight: 100 },
    ]);
    await kubectl(cluster, ['annotate', 'qd/twofold', `qwenfleet.io/promote=${b}`]);
    await until('twofold', (status) => isDone(status));
    expect(await sizes('twofold')).toEqual({ [b]: 3 });
  });

  it('comes where somebody deletes a pod, and nowhere else', async () => {
    const a = await first('patient', '{strategy: OnDelete}', 2);
    // Kubernetes keeps whole seconds: a pod of the second in which a rollout begins counts as made after it.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await apply(pool('patient', 4096, '{strategy: OnDelete}', 2));
    const { rollout } = await until('patient', ({ rollout: seen }) => seen?.updateRevision !== undefined);
    const b = rollout?.updateRevision ?? '';
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await sizes('patient'))[a]).toBe(2);
    const [pod] = await list<{ metadata: { name: string } }>(cluster, 'pods', '-l', `qwenfleet.io/revision=${a}`);
    await kubectl(cluster, ['delete', 'pod', pod?.metadata.name ?? '']);
    await eventually(
      () => sizes('patient'),
      (seen) => seen[a] === 1 && seen[b] === 1,
      60_000,
      200,
    );
  });

  it('whose replicas somebody scales by hand gets back what it was told', async () => {
    const { currentRevision = '' } = await rolloutOf('rolling');
    await kubectl(cluster, ['scale', `deployment/rolling-${currentRevision}`, '--replicas=1']);
    await eventually(
      () => sizes('rolling'),
      (seen) => seen[currentRevision] === 3,
      30_000,
      100,
    );
    await until('rolling', (status) => isDone(status));
  });

  it('is nothing to write about once it is there', async () => {
    await kubectl(cluster, ['delete', 'qd', 'patient', '--wait=true']);
    await eventually(
      () => list(cluster, 'pods', '-l', 'qwenfleet.io/deployment=patient'),
      (pods) => pods.length === 0,
      60_000,
      200,
    );
    await comesToRest(writes);
  });
});
