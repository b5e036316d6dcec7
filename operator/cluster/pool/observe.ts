import { durationMs } from '@qwenfleet/core/duration';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Pod } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { planDeployment, type DeploymentPlan } from '../../reconcile/qwendeployment/plan.ts';
import type { Failure, ReplicaView } from '../../reconcile/qwendeployment/plan/observed.ts';
import type { Wanted } from '../../reconcile/qwendeployment/plan/pods/scheduling.ts';
import { overdueReplicas, refusedReplicas, replicaViews } from '../../reconcile/qwendeployment/plan/pods/views.ts';
import type { Capabilities } from '../../specs/capabilities.ts';
import type { Images } from '../../specs/images.ts';
import { poolOf as poolSpecOf, type Pool } from '../../specs/pool/pool.ts';
import { readRecord, type RevisionRecord } from '../../specs/pool/record.ts';
import { cacheDir } from '../../specs/weights/paths.ts';
import { sha256 } from '../admin-key.ts';
import type { Caches } from '../caches.ts';
import type { CustomObject, WorkloadObject } from '../kinds.ts';
import { namesakesOf } from '../namesakes.ts';
import { hardwareClassNamed, poolOf } from '../parse.ts';
import { clusterSubstrate } from '../substrate.ts';
import { writtenStatus, type WrittenStatus } from './status.ts';

/** Everything that is known of a pool at one moment, from the caches alone. */
export type PoolSeen = {
  object: CustomObject;
  /** What of its status can be read again. */
  written: WrittenStatus;
  deployment: QwenDeployment;
  plan: DeploymentPlan;
  /** Of the cluster, when the pool was looked at. */
  capabilities: Capabilities;
  /** As the builders of its objects take it; undefined where no pods of ours run. */
  pool: Pool | undefined;
  /** Of what the spec wants; undefined where no pods of ours run. */
  revision: string | undefined;
  live: readonly KubeObject[];
  /** What the revisions of the pool are, as they were recorded. */
  records: readonly RevisionRecord[];
  /** One for each revision. */
  workloads: readonly WorkloadObject[];
  pods: readonly Pod[];
  replicas: readonly ReplicaView[];
  /** Replicas that have not come for a long time. */
  overdue: number;
  /** Why wanted replicas do not even exist. */
  refused: Failure | undefined;
};

export type ObserveOptions = {
  images: Images;
  /** With which its engines are asked; undefined where they cannot be. */
  adminToken?: string | undefined;
  nowEpochMs: number;
};

export function observePool(
  object: CustomObject,
  caches: Caches,
  { images, adminToken, nowEpochMs }: ObserveOptions,
): PoolSeen {
  const deployment = poolOf(object);
  const hardwareClass = hardwareClassNamed(caches.classes.cache, deployment.spec.hardware?.class);
  const others = namesakesOf(object, caches.pools.cache);
  const { capabilities } = caches.neighbours;
  const substrate = clusterSubstrate(capabilities);
  const plan = planDeployment({ deployment, hardwareClass, substrate, cacheDir, others });
  const { resolved, runtime } = plan;
  const { config } = runtime ?? {};
  const adminTokenSha256 = adminToken === undefined ? undefined : sha256(adminToken);
  const pool = poolSpecOf({ deployment, hardwareClass, resolved, config, images, capabilities, adminTokenSha256 });
  const revision = pool?.revision;
  const { uid = '', namespace, name } = object.metadata;
  const workloads = caches.workloadsOf(uid);
  const live = caches.childrenOf(uid);
  const pods = {
    pods: caches.podsOf(namespace, name),
    claims: [],
    wanted: wantedOf(deployment, hardwareClass),
    progressDeadlineMs: durationMs(deployment.spec.rollout.progressDeadline),
    nowEpochMs,
  };
  return {
    object,
    written: writtenStatus(object.status),
    deployment,
    plan,
    capabilities,
    pool,
    revision,
    live,
    records: live.flatMap((child) => (child.kind === 'ConfigMap' ? (recordOf(child) ?? []) : [])),
    workloads,
    pods: pods.pods,
    replicas: replicaViews(pods),
    overdue: overdueReplicas(pods),
    refused: refusedReplicas(workloads, []),
  };
}

/** Frozen objects of the cache, read once for each of their versions. */
const knownRecords = new WeakMap<KubeObject, RevisionRecord>();

function recordOf(child: KubeObject): RevisionRecord | undefined {
  const record = knownRecords.get(child) ?? readRecord(child);
  if (record) knownRecords.set(child, record);
  return record;
}

const wantedOf = ({ spec }: QwenDeployment, hardwareClass: HardwareClass | undefined): Wanted => ({
  resourceName: hardwareClass?.spec.accelerator?.resourceName,
  className: spec.hardware?.class ?? '',
  devices: spec.hardware?.count ?? 1,
});
