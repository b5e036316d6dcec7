import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { KubeObject } from '@qwenfleet/kube/object';
import { clusterObjects } from '../../reconcile/qwendeployment/plan/cluster.ts';
import { revisionLabel } from '../../specs/labels.ts';
import type { Surroundings } from '../../specs/pool/objects.ts';
import type { Applier } from '../applier.ts';
import { digest } from '../digest.ts';
import { isWorkload } from '../kinds.ts';
import type { PoolSeen } from './observe.ts';
import { runningRevisions, writeSizes, type Sizes } from './workloads.ts';

export type PoolTarget = {
  /** Replicas of each workload. */
  sizes: Sizes;
  /** See `Rollout`. */
  begins: ReadonlyMap<string, string>;
  around: Pick<Surroundings, 'integrations' | 'router'>;
};

/** What a pool and its objects were when nothing was left to write. */
export type Settled = { at?: string | undefined };

/** Brings everything that a pool is in the cluster to what its spec means, and each workload to its number of replicas. */
export async function writeObjects(
  { client, applier, settled }: { client: KubeClient; applier: Applier; settled: Settled },
  seen: PoolSeen,
  { sizes, begins, around }: PoolTarget,
  signal: AbortSignal,
): Promise<void> {
  const { deployment, plan, pool, records, live, overdue } = seen;
  const running = runningRevisions(seen, sizes);
  const versions = live.map(({ metadata: { uid, resourceVersion } }) => [uid, resourceVersion]);
  // All that follows depends on these alone. Most looks change none of them, and building every object takes longest.
  const at = digest([plan, pool, versions, running, sizes, [...begins], around, overdue]);
  if (settled.at === at) return;
  const { objects, prune } = clusterObjects(plan, {
    deployment,
    pool,
    records,
    overdue,
    ...around,
    begins,
    // Replicas are the scaler's own field, see `writeSizes`.
    live: () => running.map((revision) => ({ revision })),
  });
  if (!prune) return;
  const parts = objects.filter((object) => !isWorkload(object));
  const workloads = objects.filter(isWorkload);
  // Parts first: pods name their ServiceAccount and their configuration.
  const written = await applier.reconcile(
    parts,
    live.filter((object) => !isWorkload(object)),
    signal,
  );
  const sized = await writeSizes(client, seen, { sizes, desired: workloads }, signal);
  const has = new Set(workloads.map(({ metadata }) => metadata.name));
  // One whose record somebody deleted cannot be made again: it stays as it is for as long as it is needed.
  const isLost = ({ metadata }: KubeObject): boolean =>
    !has.has(metadata.name) && running.includes(metadata.labels?.[revisionLabel] ?? '');
  const disposable = live.filter((object) => isWorkload(object) && !isLost(object));
  const applied = await applier.reconcile(workloads, disposable, signal);
  settled.at = written + sized + applied === 0 ? at : undefined;
}
