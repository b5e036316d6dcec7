import type { KubeObject } from '../../../specs/object.ts';
import { neighbourObjects, supportingObjects, workloadObject, type Surroundings } from '../../../specs/pool/objects.ts';
import type { Pool } from '../../../specs/pool/pool.ts';
import { modelConfigMap } from '../../../specs/pool/model-config-map.ts';
import {
  newRecord,
  recordConfigMap,
  recordedConfig,
  recordsToKeep,
  type RevisionRecord,
} from '../../../specs/pool/record.ts';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { DeploymentPlan } from '../plan.ts';

/** A revision that has pods now. During a rollout there are two. */
export type LiveRevision = {
  revision: string;
  /** Left out where somebody else writes the replicas of its workload. */
  replicas?: number | undefined;
};

export type ClusterInput = Surroundings & {
  deployment: QwenDeployment;
  /** The pool as builders take it, see `poolOf`; undefined where no pods run. */
  pool: Pool | undefined;
  /** Every revision that the cluster has a record of, see `readRecord`. */
  records: readonly RevisionRecord[];
  /** Which revisions run, as the rollout decides; the newest alone, as many as at a start, when left out. */
  live?: ((newest: string) => readonly LiveRevision[]) | undefined;
  /** By workload, the revision whose weights its pods begin with, where that is not the one that it is named after. */
  begins?: ReadonlyMap<string, string> | undefined;
};

export type ClusterObjects = {
  /** Revision of what the spec wants now; undefined where no pods run. */
  revision: string | undefined;
  /** In the order in which they are applied. */
  objects: readonly KubeObject[];
  /**
   * May objects of the pool that are not among these be deleted? Not while the pool is paused, nor while its spec asks
   * for what cannot be had: what runs then goes on running.
   */
  prune: boolean;
};

const untouched = { revision: undefined, objects: [], prune: false } as const;

/** Everything that a pool is in a cluster. Pure: the same input gives the same objects, byte by byte. */
export function clusterObjects(plan: DeploymentPlan, input: ClusterInput): ClusterObjects {
  const { deployment, pool } = input;
  if (deployment.spec.paused || plan.resolved.blocked) return untouched;
  if (!pool) return { ...untouched, prune: true };
  const live = input.live?.(pool.revision) ?? [{ revision: pool.revision, replicas: plan.initialReplicas }];
  return {
    revision: pool.revision,
    objects: [
      ...supportingObjects(pool, input),
      ...revisionObjects(pool, input, live),
      ...neighbourObjects(pool, input),
    ],
    prune: true,
  };
}

/** What is recorded, and what the spec wants now as it would be. */
export const recordsWith = (pool: Pool, records: readonly RevisionRecord[]): readonly RevisionRecord[] =>
  records.some(({ revision }) => revision === pool.revision) ? records : [newRecord(pool), ...records];

/** Records come before the workloads whose pods read them. What is recorded is never rendered again. */
function revisionObjects(
  pool: Pool,
  { records, begins = new Map() }: Pick<ClusterInput, 'records' | 'begins'>,
  live: readonly LiveRevision[],
): KubeObject[] {
  const { deployment, revision } = pool;
  const known = recordsWith(pool, records);
  const running = new Set([revision, ...live.map((each) => each.revision), ...begins.values()]);
  const kept = recordsToKeep(known, running, deployment.spec.rollout.revisionHistoryLimit);
  return [
    ...kept.map((record) => recordConfigMap(deployment, pool, record)),
    ...[...begins].flatMap(([workload, begun]) => {
      const record = kept.find((each) => each.revision === begun);
      const model = record && recordedConfig(record)?.model;
      return model && live.some((each) => each.revision === workload)
        ? [modelConfigMap(deployment, pool, { workload, model })]
        : [];
    }),
    ...live.flatMap(({ revision: name, replicas }) => {
      const record = kept.find((each) => each.revision === name);
      return record ? [workloadObject(pool, record.workload, { revision: name, replicas })] : [];
    }),
  ];
}
