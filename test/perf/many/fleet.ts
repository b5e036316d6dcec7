import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@qwenfleet/kube/connection/connection';
import { CredentialReader } from '@qwenfleet/kube/connection/credentials';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { systemEnvironment } from '@qwenfleet/kube/environment';
import type { Condition } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector } from '@qwenfleet/kube/reflector/reflector';
import { resource } from '@qwenfleet/kube/resource';
import { startCluster, type Cluster } from '../../harness/cluster/cluster.ts';
import { installCrds } from '../../harness/cluster/crds.ts';
import { gpuNodes } from '../../harness/cluster/gpu-nodes.ts';
import { kubectl } from '../../harness/cluster/kubectl.ts';
import { layOperatorFolder } from '../../harness/operator-folder.ts';
import { startOperator, type RunningOperator } from '../../harness/operator.ts';

export type Size = { pools: number; replicas: number; namespaces: number };

type Pool = KubeObject & {
  readonly status?: { readonly readyReplicas?: number; readonly conditions?: readonly Condition[] };
};
const poolResource = resource<Pool>({ apiVersion: 'qwenfleet.io/v1alpha1', kind: 'QwenDeployment' });

const account = { name: 'operator', namespace: 'default' };
/** As whom the operator writes, in the audit log. */
export const operatorUser = `system:serviceaccount:${account.namespace}:${account.name}`;

const namespaceName = (index: number): string => `team-${index}`;
/** Of a control plane that shares its cores with the operator: an operator's pod has cores of its own. */
const controlPlaneNiceness = 10;
/** Pools that one kubectl creates: on a busy machine each takes half a second, and a command two minutes at most. */
const perCommand = 50;
/** Each pod asks for one of them. */
const devicesPerNode = 60;

/** A control plane, nodes for every pod, the operator as a process, and a watch on all pools. */
export type ManyPools = {
  cluster: Cluster;
  operator: RunningOperator;
  /**
   * Creates so many a second, or all of them as fast as `kubectl create` does; resolves when the last one is there.
   */
  createPools: (perSecond?: number) => Promise<void>;
  /** Pools that say Ready with all of their replicas. */
  readyPools: () => number;
  /** Ends the operator and starts another. */
  restartOperator: () => Promise<void>;
  /** The most memory that the operator ever held, and what it holds, in bytes. */
  memory: () => { maxBytes: number; bytes: number };
  metrics: () => Promise<string>;
  stop: () => Promise<void>;
};

export async function startMany(size: Size, operatorEnv: Record<string, string> = {}): Promise<ManyPools> {
  const cluster = await startCluster({ niceness: controlPlaneNiceness });
  const undo: (() => Promise<unknown>)[] = [() => cluster.stop()];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    await prepare(cluster, size);
    const laid = await layOperatorFolder();
    undo.push(async () => laid.remove());
    const env = { ...(await podEnvironment(cluster)), ...laid.env, ...operatorEnv };
    const start = (): Promise<RunningOperator> => startOperator(cluster, env, laid.folder);
    let operator = await start();
    undo.push(() => operator.stop());
    const pools = await watchPools(cluster);
    undo.push(pools.stop);
    return {
      cluster,
      get operator() {
        return operator;
      },
      createPools: async (perSecond) => {
        const objects = poolObjects(size);
        if (perSecond !== undefined) return pools.create(objects, perSecond);
        while (objects.length > 0) {
          await kubectl(cluster, ['create', '--validate=false', '-f', '-'], listOf(objects.splice(0, perCommand)));
        }
      },
      readyPools: () => pools.reflector.cache.list().filter((pool) => isReady(pool, size.replicas)).length,
      restartOperator: async () => {
        await operator.stop();
        operator = await start();
      },
      memory: () => memoryOf(operator.process.pid),
      metrics: async () => (await fetch(`${operator.metricsUrl}/metrics`)).text(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function prepare(cluster: Cluster, { pools, replicas, namespaces }: Size): Promise<void> {
  await installCrds(cluster);
  // What it may do is another suite's question.
  const who = `--serviceaccount=${account.namespace}:${account.name}`;
  await kubectl(cluster, ['create', 'serviceaccount', account.name, '--namespace', account.namespace]);
  await kubectl(cluster, ['create', 'clusterrolebinding', 'operator', '--clusterrole=cluster-admin', who]);
  const nodes = Math.ceil((pools * replicas) / devicesPerNode) + 1;
  await gpuNodes(cluster, { name: 'gpu', resource: 'nvidia.com/gpu', count: devicesPerNode, nodes });
  const names = Array.from({ length: namespaces }, (_, index) => namespaceName(index));
  const spaces = names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await kubectl(cluster, ['create', '-f', '-'], listOf([...spaces, hardwareClass]));
}

/** What Kubernetes gives the operator's pod: a kubeconfig would bring a library of 60 MB, which no pod loads. */
async function podEnvironment(cluster: Cluster): Promise<Record<string, string>> {
  const folder = path.join(cluster.dataDir, 'operator-account');
  mkdirSync(folder);
  const ask = ['create', 'token', account.name, '--namespace', account.namespace, '--duration=24h'];
  const { server, tls } = await new CredentialReader({ from: 'file', file: cluster.kubeconfig }).read();
  writeFileSync(path.join(folder, 'token'), await kubectl(cluster, ask));
  writeFileSync(path.join(folder, 'ca.crt'), String(tls.ca));
  writeFileSync(path.join(folder, 'namespace'), account.namespace);
  const { hostname, port } = new URL(server);
  return {
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    QWENFLEET_SERVICE_ACCOUNT: folder,
  };
}

const listOf = (items: readonly object[]): object => ({ apiVersion: 'v1', kind: 'List', items });

const hardwareClass = {
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind: 'HardwareClass',
  metadata: { name: 'gpu' },
  spec: {
    accelerator: { resourceName: 'nvidia.com/gpu', memory: '24Gi' },
    resources: { cpu: '1', memory: '4Gi' },
  },
};

/** Scaled ones: a pool whose number is fixed asks less of the operator. */
const poolObjects = ({ pools, replicas, namespaces }: Size): KubeObject[] =>
  Array.from({ length: pools }, (_, index) => ({
    apiVersion: 'qwenfleet.io/v1alpha1',
    kind: 'QwenDeployment',
    metadata: { name: `pool-${index}`, namespace: namespaceName(index % namespaces) },
    spec: {
      tier: 'small',
      model: { uri: 'hf://Qwen/Qwen2.5-7B-Instruct' },
      quantization: 'int8',
      hardware: { class: 'gpu', count: 1 },
      scaling: { minReplicas: replicas, maxReplicas: 2 * replicas },
    },
  }));

const isReady = ({ status }: Pool, replicas: number): boolean =>
  status?.readyReplicas === replicas && status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';

type Watched = {
  reflector: Reflector<Pool>;
  create: (objects: readonly KubeObject[], perSecond: number) => Promise<void>;
  stop: () => Promise<void>;
};

async function watchPools(cluster: Cluster): Promise<Watched> {
  const environment = systemEnvironment();
  const connection = await connect({ from: 'file', file: cluster.kubeconfig }, environment);
  const client = KubeClient.over({ connection, writes: { perSecond: 1_000, burst: 1_000 } }, environment);
  const reflector = new Reflector<Pool>({ name: 'pools', source: listWatch(client, poolResource) }, environment);
  reflector.start();
  await reflector.synced;
  return {
    reflector,
    create: async (objects, perSecond) => {
      const startMs = performance.now();
      for (const [index, object] of objects.entries()) {
        await sleep(Math.max(0, startMs + (index / perSecond) * 1_000 - performance.now()));
        await client.create(poolResource, object);
      }
    },
    stop: async () => {
      await reflector.stop();
      await connection.close();
    },
  };
}

function memoryOf(pid: number | undefined): { maxBytes: number; bytes: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
  return { maxBytes: bytes('VmHWM'), bytes: bytes('VmRSS') };
}
