import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { poolText } from '../harness/cluster/pools.ts';
import { comesToRest } from '../harness/cluster/rest.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';

type Condition = { type: string; status: string; reason: string; message: string };
type Pool = {
  metadata: { generation: number; resourceVersion: string };
  status?: {
    conditions?: Condition[];
    readyReplicas?: number;
    observedGeneration?: number;
    rollout?: { currentRevision?: string };
  };
};
type Workload = { metadata: { name: string; uid: string }; spec: { replicas: number; template: { spec: object } } };

const hardware = (name: string): string => `
apiVersion: qwenfleet.io/v1alpha1
kind: HardwareClass
metadata: {name: ${name}}
spec:
  accelerator: {resourceName: nvidia.com/gpu, memory: 24Gi}
  resources: {cpu: "2", memory: 8Gi}
  nodeSelector: {example.com/gpu: ${name}}
`;
const pool = (name: string, spec: string): string => poolText(name, `quantization: int8\n  ${spec}`);

describe.skipIf(await clusterMissing)('the operator on a real control plane', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
    await gpuNodes(cluster, {
      name: 'l4',
      resource: 'nvidia.com/gpu',
      count: 3,
      nodes: 1,
      labels: { 'example.com/gpu': 'l4' },
    });
    await kubectl(cluster, ['apply', '-f', '-'], hardware('l4'));
    operator = await startOperator(cluster);
  });
  afterAll(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  const ready = async (name: string): Promise<Condition | undefined> =>
    (await get<Pool>(cluster, 'qd', name))?.status?.conditions?.find(({ type }) => type === 'Ready');
  const untilReady = (name: string) =>
    eventually(
      () => ready(name),
      (condition) => condition?.status === 'True',
      60_000,
      200,
    );
  const workloads = (name: string): Promise<Workload[]> =>
    list<Workload>(cluster, 'deployments', '-l', `qwenfleet.io/deployment=${name}`);

  it('turns ten lines into a pool that is ready, and everything that belongs to it', async () => {
    await kubectl(cluster, ['apply', '-f', '-'], pool('first', 'hardware: {class: l4, count: 1}'));
    await untilReady('first');
    const kinds = 'deployment,service,configmap,poddisruptionbudget,networkpolicy,serviceaccount';
    const found = await kubectl(cluster, ['get', kinds, '-l', 'qwenfleet.io/deployment=first', '-o', 'name']);
    const made = found
      .trim()
      .split('\n')
      .map((line) => line.split('/')[0]?.split('.')[0]);
    expect(new Set(made)).toEqual(
      new Set(['configmap', 'deployment', 'networkpolicy', 'poddisruptionbudget', 'service', 'serviceaccount']),
    );
    const object = await get<Pool>(cluster, 'qd', 'first');
    expect(object?.status).toMatchObject({ readyReplicas: 1, observedGeneration: object?.metadata.generation });
  });

  it('is at rest: nothing is written when nothing changes', async () => {
    await comesToRest(writes);
  });

  it('corrects what is edited by hand, and leaves alone what it does not own', async () => {
    const [workload] = await workloads('first');
    const name = `deployment/${workload?.metadata.name}`;
    await kubectl(cluster, ['annotate', name, 'example.com/mine=yes']);
    await kubectl(cluster, [
      'patch',
      name,
      '--type=merge',
      '-p',
      '{"spec":{"template":{"spec":{"containers":[{"name":"engine","image":"evil"}]}}}}',
    ]);
    await kubectl(cluster, ['delete', 'service', 'first']);
    await eventually(
      async () => ({
        text: JSON.stringify((await workloads('first'))[0]),
        service: await get(cluster, 'service', 'first'),
      }),
      ({ text, service }) => !text.includes('"evil"') && text.includes('example.com/mine') && service !== undefined,
      30_000,
      200,
    );
  });

  it('leaves nothing to `kubectl diff`, though the operator has worked on what was applied', async () => {
    const { code, stdout } = await cluster.kubectl(
      ['diff', '-f', '-'],
      pool('first', 'hardware: {class: l4, count: 1}'),
    );
    expect(`${code}${stdout}`).toBe('0');
  });

  it('says which resource is short, on which class, and since when', async () => {
    await kubectl(cluster, ['apply', '-f', '-'], pool('many', 'hardware: {class: l4, count: 1}\n  replicas: 4'));
    const condition = await eventually(
      async () =>
        (await get<Pool>(cluster, 'qd', 'many'))?.status?.conditions?.find(({ type }) => type === 'WorkloadAvailable'),
      (seen) => seen?.reason === 'InsufficientGPU',
      60_000,
      200,
    );
    const told = await eventually(
      () => kubectl(cluster, ['events', '--for', 'qd/many', '--types=Warning', '--no-headers']),
      (said) => said.includes('InsufficientGPU'),
      30_000,
      200,
    );
    expect(told.trim().split('\n')).toHaveLength(1);
    expect(condition?.message).toMatch(/no node has 1 free nvidia\.com\/gpu of class l4 since \d{4}-/);
    await kubectl(cluster, ['delete', 'qd', 'many', '--wait=true']);
  });

  it('rolls a new revision out where no device is spare: the old one goes first', async () => {
    const [before] = await workloads('first');
    await kubectl(
      cluster,
      ['apply', '-f', '-'],
      pool('first', 'hardware: {class: l4, count: 1}\n  engine: {contextLength: 4096}'),
    );
    await eventually(
      () => workloads('first'),
      (seen) => seen.length === 1 && seen[0]?.metadata.name !== before?.metadata.name,
      60_000,
      200,
    );
    await untilReady('first');
  });

  it('takes nothing down when it is restarted or killed, and goes on where it was', async () => {
    const uids = (await workloads('first')).map(({ metadata }) => metadata.uid);
    await operator.kill();
    await kubectl(cluster, ['delete', 'poddisruptionbudget', 'first']);
    operator = await startOperator(cluster);
    await eventually(
      () => get(cluster, 'poddisruptionbudget', 'first'),
      (seen) => seen !== undefined,
      60_000,
      200,
    );
    expect((await workloads('first')).map(({ metadata }) => metadata.uid)).toEqual(uids);
    await untilReady('first');
  });

  it('is the same pool again when what `kubectl get -o yaml` printed is applied after it was deleted', async () => {
    const saved = await kubectl(cluster, ['get', 'qd', 'first', '-o', 'yaml']);
    const [before] = await workloads('first');
    await kubectl(cluster, ['delete', 'qd', 'first', '--wait=true']);
    await eventually(
      () => workloads('first'),
      (found) => found.length === 0,
      60_000,
      200,
    );
    await kubectl(cluster, ['apply', '-f', '-'], saved);
    await untilReady('first');
    const [after] = await workloads('first');
    expect(after?.metadata.name).toBe(before?.metadata.name);
    expect(after?.spec.template).toEqual(before?.spec.template);
  });

  it('leaves nothing behind when the pool is deleted', async () => {
    await kubectl(cluster, ['delete', 'qd', 'first', '--wait=true']);
    const kinds = 'deployment,service,configmap,poddisruptionbudget,networkpolicy,serviceaccount,pod';
    await eventually(
      () => kubectl(cluster, ['get', kinds, '-l', 'app.kubernetes.io/managed-by=qwenfleet', '-o', 'name']),
      (found) => found.trim() === '',
      60_000,
      200,
    );
  });

  const writes = (): string[] =>
    cluster
      .audit()
      .filter(({ userAgent, objectRef }) => !userAgent.startsWith('kube') && objectRef?.resource !== 'leases')
      .filter(({ user }) => user === 'admin')
      .map(({ verb, uri }) => `${verb} ${uri}`);
});
