import { readFileSync } from 'node:fs';
import { builtinClasses } from '@qwenfleet/crds/hardwareclass/builtin';
import {
  apiVersion,
  deploymentSchema,
  hardwareSchema,
  routerSchema,
  secretSchema,
  type HardwareClass,
  type QwenDeployment,
  type QwenRouter,
  type Secret,
} from '@qwenfleet/crds/kinds';
import { parseAllDocuments } from 'yaml';
import { clusterSubstrate } from '../../cluster/substrate.ts';
import { planDeployment, type DeploymentPlan } from '../../reconcile/qwendeployment/plan.ts';
import { clusterObjects, type ClusterInput, type ClusterObjects } from '../../reconcile/qwendeployment/plan/cluster.ts';
import { noCapabilities, type Capabilities } from '../capabilities.ts';
import type { Images } from '../images.ts';
import type { KubeObject } from '../object.ts';
import { poolOf, type Pool } from '../pool/pool.ts';

/** Images at versions of no release, so that a release changes no fixture. */
export const images = { qwen: 'qwenfleet/runtime:test', vllm: 'vllm/vllm-openai:test', triton: 'tritonserver:test' };

export const everything: Capabilities = {
  keda: true,
  horizontalPodAutoscaler: true,
  prometheusOperator: true,
  gatewayApi: true,
  inferencePool: true,
  leaderWorkerSet: true,
  kueue: true,
  imageVolumes: true,
  dynamicResources: true,
  hpaScaleToZero: true,
};

type Spec = Record<string, unknown>;

/** A pool on the built-in class, with the fields of a spec over the plainest one. */
export const deploymentOf = (spec: Spec = {}, name = 'chat'): QwenDeployment =>
  deploymentSchema.parse({
    apiVersion,
    kind: 'QwenDeployment',
    metadata: { name, namespace: 'fleet', uid: '00000000-0000-4000-8000-000000000000' },
    spec: { tier: 'small', model: { uri: 'hf://Qwen/Qwen3-0.6B' }, hardware: { class: 'cpu' }, ...spec },
  });

export const hardwareOf = (spec: Spec, name = 'gpu'): HardwareClass =>
  hardwareSchema.parse({ apiVersion, kind: 'HardwareClass', metadata: { name }, spec });

export const gpuClass = hardwareOf({
  accelerator: { resourceName: 'nvidia.com/gpu' },
  resources: { cpu: '4', memory: '16Gi' },
});

const cpuClass = hardwareOf(builtinClasses[0]?.spec ?? {}, 'cpu');

export type Setting = {
  hardwareClass?: HardwareClass;
  capabilities?: Capabilities;
  images?: Images;
} & Partial<Pick<ClusterInput, 'records' | 'live' | 'begins' | 'integrations' | 'router' | 'overdue'>>;

/** What a cluster decides about a pool. */
export function planOf(deployment: QwenDeployment, setting: Setting = {}): DeploymentPlan {
  const substrate = clusterSubstrate(setting.capabilities ?? noCapabilities);
  return planDeployment({ deployment, hardwareClass: classOf(deployment, setting), substrate, cacheDir: '/unused' });
}

function classOf({ spec }: QwenDeployment, { hardwareClass }: Setting): HardwareClass | undefined {
  if (hardwareClass) return hardwareClass;
  return spec.hardware?.class === 'cpu' ? cpuClass : undefined;
}

/** Everything that the pool is in a cluster. */
export const objectsOf = (deployment: QwenDeployment, setting: Setting = {}): ClusterObjects =>
  clusterObjects(planOf(deployment, setting), {
    deployment,
    pool: anyPool(deployment, setting),
    integrations: {},
    router: undefined,
    records: [],
    ...setting,
  });

/** The pool that builders take. Throws where no pods run. */
export function poolFor(deployment: QwenDeployment, setting: Setting = {}): Pool {
  const pool = anyPool(deployment, setting);
  if (pool) return pool;
  const { resolved } = planOf(deployment, setting);
  throw new Error(`no pods run: ${resolved.blocked?.message ?? resolved.engine.type}`);
}

function anyPool(deployment: QwenDeployment, setting: Setting): Pool | undefined {
  const { resolved, runtime } = planOf(deployment, setting);
  return poolOf({
    deployment,
    hardwareClass: classOf(deployment, setting),
    resolved,
    config: runtime?.config,
    images: setting.images ?? images,
    capabilities: setting.capabilities ?? noCapabilities,
  });
}

export type Fixture = {
  deployment: QwenDeployment | undefined;
  router: QwenRouter | undefined;
  hardwareClass: HardwareClass | undefined;
  secrets: Secret[];
};

/** The custom resources of a fixture, with defaults filled in as the API server would. */
export function readFixture(name: string): Fixture {
  const text = readFileSync(new URL(`../fixtures/${name}.cr.yaml`, import.meta.url), 'utf8');
  const documents: unknown[] = parseAllDocuments(text).map((document) => document.toJS() as unknown);
  const find = <T>(schema: { safeParse(value: unknown): { data?: T | undefined } }): T[] =>
    documents.flatMap((document) => schema.safeParse(document).data ?? []);
  return {
    deployment: find(deploymentSchema)[0],
    router: find(routerSchema)[0],
    hardwareClass: find(hardwareSchema)[0],
    secrets: find(secretSchema),
  };
}

/** The object of a kind. Throws where there is none. */
export function ofKind<T extends object = Record<string, never>>(
  objects: readonly KubeObject[],
  kind: string,
): KubeObject<T> {
  const found = objects.find((object) => object.kind === kind);
  // The caller knows what is in an object of the kind it asks for.
  if (found) return found as KubeObject<T>;
  throw new Error(`there is no ${kind} among ${objects.map((object) => object.kind).join(', ')}`);
}
