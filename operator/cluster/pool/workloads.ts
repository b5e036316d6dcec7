import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { setScale } from '@qwenfleet/kube/client/scale';
import { isConflict, isNotFound } from '@qwenfleet/kube/client/status-error';
import type { KubeObject } from '@qwenfleet/kube/object';
import { hostOf } from '../../rollout/hot/host.ts';
import type { Decision } from '../../rollout/types.ts';
import { revisionLabel } from '../../specs/labels.ts';
import { isWorkload, poolKind, type CustomObject, type WorkloadObject } from '../kinds.ts';
import type { PoolSeen } from './observe.ts';

/** Who owns `spec.replicas` of the workloads; everything else belongs to the operator's own manager. */
const fieldManager = 'qwen-autoscaler';

/** Replicas that each workload should have now, by the revision that it is named after; one that is not named has none. */
export type Sizes = Readonly<Record<string, number>>;

/** A workload has the replicas of every revision in it. */
export function sizesOf({ state, replicas }: Pick<Decision, 'state' | 'replicas'>): Sizes {
  const sizes: Record<string, number> = {};
  for (const [revision, count] of Object.entries(replicas)) {
    const workload = hostOf(state, revision);
    sizes[workload] = (sizes[workload] ?? 0) + count;
  }
  return sizes;
}

/** Replicas that the workloads have been told to have, over all revisions; undefined where there is none yet. */
export const toldReplicas = (workloads: readonly WorkloadObject[]): number | undefined =>
  workloads.length === 0 ? undefined : workloads.reduce((sum, { spec }) => sum + (spec?.replicas ?? 1), 0);

/**
 * Does another scaler write replicas, and has not begun to? An autoscaler cannot read `/scale` while there is no number,
 * and what is there must not change because somebody else will decide from now on.
 */
const awaitsNumber = ({ deployment: { spec }, pool }: PoolSeen): boolean =>
  pool !== undefined && spec.scaling !== undefined && spec.scaling.owner !== 'Internal' && spec.replicas === undefined;

/** How many replicas there should be where no scaler of ours decides. */
export function givenReplicas(seen: PoolSeen): number {
  const { plan, deployment } = seen;
  const { paused, suspend, scaling } = deployment.spec;
  const told = toldReplicas(seen.workloads);
  // Nothing is changed then, so what there is stays.
  if ((paused || plan.resolved.blocked) && told !== undefined) return told;
  if (suspend || !scaling || told === undefined || !awaitsNumber(seen)) return plan.initialReplicas;
  // A HorizontalPodAutoscaler leaves a pool at zero alone, unless the cluster lets it go there by itself.
  const least = scaling.owner === 'HPA' && !seen.capabilities.hpaScaleToZero ? 1 : 0;
  return Math.max(least, told);
}

/**
 * Writes the number in force into the pool itself, once: from then on it is what the other scaler writes.
 * @param latest the pool as it was stored last: a cache that does not show the number yet must not write it again.
 */
export async function handOver(
  client: KubeClient,
  seen: PoolSeen,
  { replicas, latest }: { replicas: number; latest: CustomObject },
  signal: AbortSignal,
): Promise<void> {
  if (!awaitsNumber(seen) || seen.deployment.spec.suspend) return;
  const { namespace, name } = seen.object.metadata;
  await unlessMoved(setScale(client, poolKind, { namespace, name }, { replicas, seen: latest, fieldManager, signal }));
}

/** Workloads that there are to be: those that are told of, and those whose last pods still answer. */
export const runningRevisions = ({ replicas }: PoolSeen, sizes: Sizes): string[] => [
  ...new Set([...Object.keys(sizes), ...replicas.flatMap(({ revision }) => revision ?? [])]),
];

/**
 * Writes the replicas of every workload that has others. A new workload would begin with one replica, whatever is
 * wanted: it is created with the right number by this manager, which then keeps that one field.
 * @returns how many were written.
 */
export async function writeSizes(
  client: KubeClient,
  { workloads, plan }: PoolSeen,
  { sizes, desired }: { sizes: Sizes; desired: readonly KubeObject[] },
  signal: AbortSignal,
): Promise<number> {
  let written = 0;
  for (const workload of workloads) {
    const replicas = sizes[workload.metadata.labels?.[revisionLabel] ?? ''] ?? 0;
    if (workload.spec?.replicas === replicas) continue;
    await setReplicas(client, workload, replicas, signal);
    written += 1;
  }
  for (const [revision, replicas] of Object.entries(sizes)) {
    const name = revisionName(plan.resolved.name, revision);
    if (workloads.some(({ metadata }) => metadata.name === name)) continue;
    const fresh = desired.find((object) => isWorkload(object) && object.metadata.name === name);
    if (!fresh) continue;
    await client.apply(withReplicas(fresh, replicas), { fieldManager, force: true, signal });
    written += 1;
  }
  return written;
}

async function setReplicas(
  client: KubeClient,
  { apiVersion, kind, metadata }: WorkloadObject,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, resourceVersion } = metadata;
  const patch = { apiVersion, kind, metadata: { name, namespace, resourceVersion }, spec: { replicas } };
  await unlessMoved(client.apply(patch, { fieldManager, force: true, signal }));
}

/** What has moved since it was looked at: the next look, which its change brings, decides on what it is then. */
async function unlessMoved(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

const withReplicas = (object: KubeObject, replicas: number): KubeObject & { spec: object } => {
  const spec = 'spec' in object && typeof object.spec === 'object' ? object.spec : {};
  return { ...object, spec: { ...spec, replicas } };
};
