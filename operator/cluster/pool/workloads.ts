import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { Deployment } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { rollingSizes } from '../../rollout/rolling.ts';
import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import { revisionLabel } from '../../specs/labels.ts';
import { olderSizes, sidesOf, type PoolSeen } from './observe.ts';

/** Who owns `spec.replicas` of the Deployments; everything else belongs to the operator's own manager. */
const fieldManager = 'qwen-autoscaler';

/** How many replicas each workload of a pool should have now. */
export type Sizes = { next: number; older: ReadonlyMap<Deployment, number> };

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

/** Older workloads that still have pods, or should have; the rest may go. */
export const keptWorkloads = ({ replicas }: PoolSeen, { older }: Sizes): Deployment[] =>
  [...older].flatMap(([workload, size]) => {
    const revision = workload.metadata.labels?.[revisionLabel];
    return size > 0 || replicas.some((replica) => replica.revision === revision) ? [workload] : [];
  });

/**
 * Writes the replicas of every workload that has others. A new Deployment would begin with one replica, whatever is
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
    const fresh = desired.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
    if (fresh) await client.apply(withReplicas(fresh, sizes.next), { fieldManager, force: true, signal });
  } else if (workload.spec?.replicas !== sizes.next) await setReplicas(client, workload, sizes.next, signal);
  for (const [older, size] of sizes.older) {
    if (older.spec?.replicas !== size) await setReplicas(client, older, size, signal);
  }
}

async function setReplicas(
  client: KubeClient,
  { metadata }: Deployment,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace } = metadata;
  const patch = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: { replicas } };
  await client.apply(patch, { fieldManager, force: true, signal });
}

const withReplicas = (object: KubeObject, replicas: number): KubeObject & { spec: object } => {
  const spec = 'spec' in object && typeof object.spec === 'object' ? object.spec : {};
  return { ...object, spec: { ...spec, replicas } };
};
