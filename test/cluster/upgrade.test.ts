import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';
import { otherBuild } from '../harness/other-build.ts';

const apiVersion = 'qwenfleet.io/v1alpha1';
const hardware = {
  apiVersion,
  kind: 'HardwareClass',
  metadata: { name: 'h100' },
  spec: {
    accelerator: { resourceName: 'nvidia.com/gpu', memory: '80Gi' },
    resources: { cpu: '2', memory: '8Gi' },
    sharedMemory: '1Gi',
  },
};
const pool = (name: string, spec: object): object => ({
  apiVersion,
  kind: 'QwenDeployment',
  metadata: { name },
  spec: { tier: 'small', model: { uri: 'hf://Qwen/Qwen3-0.6B' }, hardware: { class: 'h100' }, ...spec },
});
/** Weights on a disk, so that pods which name the claim find a node. */
const claim = { accessModes: ['ReadOnlyMany'], storageClassName: '' };
const volumes = [
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'models' },
    spec: { ...claim, capacity: { storage: '1Gi' }, hostPath: { path: '/models' } },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'models' },
    spec: { ...claim, volumeName: 'models', resources: { requests: { storage: '1Gi' } } },
  },
];
/** One of each engine, and what else decides how pods look. */
const pools = [
  pool('qwen', { hardware: { class: 'cpu' }, quantization: 'int8', replicas: 2 }),
  pool('qwen-canary', {
    hardware: { class: 'cpu' },
    model: { uri: 'pvc://models/qwen3.gguf' },
    rollout: { strategy: 'Canary', canary: { steps: [{ weight: 10 }, { weight: 50 }] } },
  }),
  pool('vllm', { engine: { type: 'vllm' }, model: { uri: 's3://models/qwen', secretRef: { name: 'bucket' } } }),
  pool('vllm-8', { tier: 'large', hardware: { class: 'h100', count: 8 } }),
  pool('triton', { engine: { type: 'triton' }, model: { uri: 'pvc://models/repository', servedName: 'ensemble' } }),
];
const names = ['qwen', 'qwen-canary', 'vllm', 'vllm-8', 'triton'];

/** Whatever a build may do otherwise in a pod: images, probes, arguments, variables, security, grace. */
const edits = [
  { file: 'operator/specs/pool/engine-container.ts', from: 'failureThreshold: 6', to: 'failureThreshold: 9' },
  {
    file: 'operator/specs/pool/engine-container.ts',
    from: "imagePullPolicy: 'IfNotPresent'",
    to: "imagePullPolicy: 'Always'",
  },
  { file: 'operator/specs/pool/pod-template.ts', from: 'killMarginSeconds = 10', to: 'killMarginSeconds = 20' },
  {
    file: 'operator/specs/engine/qwen/engine.ts',
    from: "['node', 'runtime/main.ts']",
    to: "['node', 'runtime/new.ts']",
  },
  { file: 'operator/specs/engine/vllm/arguments.ts', from: "'--max-model-len'", to: "'--new-name-of-it'" },
];
const images = {
  QWENFLEET_RUNTIME_IMAGE: 'qwenfleet/runtime:next',
  QWENFLEET_VLLM_IMAGE: 'vllm/vllm-openai:next',
  QWENFLEET_TRITON_IMAGE: 'tritonserver:next',
};

type Pod = {
  metadata: { name: string; uid: string };
  status: { containerStatuses?: { restartCount: number }[] };
};
type Workload = {
  metadata: { name: string; uid: string; generation: number };
  spec: { selector: object; template: { spec: { containers: { image: string; livenessProbe?: object }[] } } };
};

describe.skipIf(await clusterMissing)('an upgrade of the operator', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  const build = otherBuild(edits);
  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
    await gpuNodes(cluster, { name: 'gpu', resource: 'nvidia.com/gpu', count: 8, nodes: 3 });
    await gpuNodes(cluster, { name: 'cpu', resource: 'example.com/none', count: 1 });
    operator = await startOperator(cluster);
    for (const each of [hardware, ...volumes]) await apply(each);
    for (const each of pools) await apply(each);
    await kubectl(cluster, ['wait', '--for=condition=Ready', '--timeout=60s', 'qd', '--all']);
    await apply({ apiVersion, kind: 'QwenRouter', metadata: { name: 'router' }, spec: {} });
    await kubectl(cluster, ['wait', '--for=condition=Ready', '--timeout=60s', 'qr/router']);
  });
  afterAll(async () => {
    await operator?.stop();
    await cluster?.stop();
    build.remove();
  });

  const apply = (object: object): Promise<string> => kubectl(cluster, ['apply', '-f', '-'], object);
  const workloads = (...args: string[]): Promise<Workload[]> => list<Workload>(cluster, 'deployments', ...args);
  const workloadOf = async (name: string): Promise<Workload | undefined> =>
    (await workloads('-l', `qwenfleet.io/deployment=${name}`))[0];

  /** What must be the same: each pod and its restarts, each ReplicaSet by the hash of its template, each Deployment. */
  const everything = async () => ({
    pods: (await list<Pod>(cluster, 'pods')).map(({ metadata, status }) => ({
      name: metadata.name,
      uid: metadata.uid,
      restarts: status.containerStatuses?.map(({ restartCount }) => restartCount),
    })),
    replicaSets: (await list<Workload>(cluster, 'replicasets')).map(({ metadata }) => metadata.name),
    workloads: (await workloads()).map(({ metadata, spec }) => ({
      name: metadata.name,
      uid: metadata.uid,
      selector: spec.selector,
      template: spec.template,
    })),
  });

  /** Each pool and router has been worked on when what somebody deleted meanwhile is there again. */
  const untilAllAreSeen = async (): Promise<void> => {
    for (const name of [...names, 'router'])
      await eventually(
        () => get(cluster, 'networkpolicy', name),
        (found) => found !== undefined,
        60_000,
        200,
      );
  };

  it('restarts no pod and changes no template, whatever the new build writes into pods', async () => {
    const before = await everything();
    expect(before.pods).toHaveLength(names.length + 2);
    await operator.stop();
    await kubectl(cluster, ['delete', 'networkpolicies', '--all', '--wait']);
    operator = await startOperator(cluster, { ...images, ...build.env });
    await untilAllAreSeen();
    await kubectl(cluster, ['wait', '--for=condition=Ready', '--timeout=60s', 'qr/router']);
    expect(await everything()).toEqual(before);
  });

  it('gives the new pods to whoever comes after it', async () => {
    await apply(pool('fresh', { hardware: { class: 'cpu' } }));
    const fresh = await eventually(() => workloadOf('fresh'), Boolean, 60_000, 200);
    const [container] = fresh?.spec.template.spec.containers ?? [];
    expect(container).toMatchObject({ image: images.QWENFLEET_RUNTIME_IMAGE, livenessProbe: { failureThreshold: 9 } });
  });

  it('corrects an edited pool to what its revision began with, not to what the new build would write', async () => {
    const before = await workloadOf('vllm-8');
    const patch = { spec: { template: { spec: { containers: [{ name: 'engine', image: 'edited' }] } } } };
    const resource = `deployment/${before?.metadata.name}`;
    await kubectl(cluster, ['patch', resource, '--type=strategic', '-p', JSON.stringify(patch)]);
    const after = await eventually(
      () => workloadOf('vllm-8'),
      (seen) => (seen?.metadata.generation ?? 0) > (before?.metadata.generation ?? 0) + 1,
      60_000,
      200,
    );
    expect(after?.spec).toEqual(before?.spec);
    // Pods of the edit have come and gone before the next case counts them.
    await kubectl(cluster, ['rollout', 'status', resource, '--timeout=60s']);
    await eventually(
      () => list<Pod>(cluster, 'pods', '-l', 'qwenfleet.io/deployment=vllm-8'),
      (pods) => pods.length === 1,
      60_000,
      200,
    );
  });

  it('restarts no pod when the older build comes back', async () => {
    const before = await everything();
    await operator.stop();
    await kubectl(cluster, ['delete', 'networkpolicies', '--all', '--wait']);
    operator = await startOperator(cluster);
    await untilAllAreSeen();
    const after = await everything();
    expect(after).toEqual(before);
  });
});
