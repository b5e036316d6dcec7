import type { KubeClient } from '@qwenfleet/kube/client/client';
import { setScale } from '@qwenfleet/kube/client/scale';
import type { KubeObject } from '@qwenfleet/kube/object';
import { rollingSizes } from '../../rollout/rolling.ts';
import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import { revisionLabel } from '../../specs/labels.ts';
import { isWorkload, poolKind, type WorkloadObject } from '../kinds.ts';
import { olderSizes, sidesOf, type PoolSeen } from './observe.ts';

/** Who owns `spec.replicas` of the workloads; everything else belongs to the operator's own manager. */
const fieldManager = 'qwen-autoscaler';

/** How many replicas each workload of a pool should have now. */
export type Sizes = { next: number; older: ReadonlyMap<WorkloadObject, number> };

export function sizesOf(seen: PoolSeen, desired: number): Sizes {
  const { maxSurge, maxUnavailable } = seen.deployment.spec.rollout;
  const sizes = rollingSizes({ desired, ...sidesOf(seen), maxSurge, maxUnavailable });
  return { next: sizes.next, older: olderSizes(seen.older, sizes.previous) };
}

/** Replicas that the workloads have been told to have, over all revisions; undefined where there is none yet. */
export function toldReplicas({ workload, older }: PoolSeen): number | undefined {
  const all = workload ? [workload, ...older] : older;
  return all.length === 0 ? undefined : all.reduce((sum, { spec }) => sum + (spec?.replicas ?? 1), 0);
}

/**
 * Does another scaler write replicas, and has not begun to? An autoscaler cannot read `/scale` while there is no number,
 * and what is there must not change because somebody else will decide from now on.
 */
const awaitsNumber = ({ deployment: { spec }, pool }: PoolSeen): boolean =>
  pool !== undefined && spec.scaling !== undefined && spec.scaling.owner !== 'Internal' && spec.replicas === undefined;

/** How many replicas there should be where no scaler of ours decides. */
export function givenReplicas(seen: PoolSeen): number {
  const { plan, deployment } = seen;
  const { suspend, scaling } = deployment.spec;
  const told = toldReplicas(seen);
  if (suspend || !scaling || told === undefined || !awaitsNumber(seen)) return plan.initialReplicas;
  // A HorizontalPodAutoscaler leaves a pool at zero alone, unless the cluster lets it go there by itself.
  const least = scaling.owner === 'HPA' && !seen.capabilities.hpaScaleToZero ? 1 : 0;
  return Math.max(least, told);
}

/** Writes the number in force into the pool itself, once: from then on it is what the other scaler writes. */
export async function handOver(
  client: KubeClient,
  seen: PoolSeen,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  if (!awaitsNumber(seen) || seen.deployment.spec.suspend) return;
  const { namespace, name } = seen.object.metadata;
  await setScale(client, poolKind, { namespace, name }, { replicas, fieldManager, signal });
}

/** Older workloads that still have pods, or should have; the rest may go. */
export const keptWorkloads = ({ replicas }: PoolSeen, { older }: Sizes): WorkloadObject[] =>
  [...older].flatMap(([workload, size]) => {
    const revision = workload.metadata.labels?.[revisionLabel];
    return size > 0 || replicas.some((replica) => replica.revision === revision) ? [workload] : [];
  });

/**
 * Writes the replicas of every workload that has others. A new workload would begin with one replica, whatever is
 * wanted: it is created with the right number by this manager, which then keeps that one field.
 */
export async function writeSizes(
  client: KubeClient,
  seen: PoolSeen,
  { sizes, desired }: { sizes: Sizes; desired: readonly KubeObject[] },
  signal: AbortSignal,
): Promise<void> {
  const { revision, workload, plan } = seen;
  if (revision === undefined) return;
  if (!workload) {
    const name = revisionName(plan.resolved.name, revision);
    const fresh = desired.find((object) => isWorkload(object) && object.metadata.name === name);
    if (fresh) await client.apply(withReplicas(fresh, sizes.next), { fieldManager, force: true, signal });
  } else if (workload.spec?.replicas !== sizes.next) await setReplicas(client, workload, sizes.next, signal);
  for (const [older, size] of sizes.older) {
    if (older.spec?.replicas !== size) await setReplicas(client, older, size, signal);
  }
}

async function setReplicas(
  client: KubeClient,
  { apiVersion, kind, metadata }: WorkloadObject,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace } = metadata;
  const patch = { apiVersion, kind, metadata: { name, namespace }, spec: { replicas } };
  await client.apply(patch, { fieldManager, force: true, signal });
}

const withReplicas = (object: KubeObject, replicas: number): KubeObject & { spec: object } => {
  const spec = 'spec' in object && typeof object.spec === 'object' ? object.spec : {};
  return { ...object, spec: { ...spec, replicas } };
};
