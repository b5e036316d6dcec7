import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import { runtimeConfigSchema, type RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import { z } from 'zod';
import { canonicalJson } from '../canonical.ts';
import { poolLabels, revisionLabel } from '../labels.ts';
import { child, type KubeObject, type Owner } from '../object.ts';
import { configFileName, podRuntimeConfig } from '../engine/qwen/config.ts';
import type { Pool } from './pool.ts';
import { workloadOf, type Workload } from './workload.ts';

/**
 * What one revision of a pool is: what its runtime reads, and what its pods look like. Written once, into an immutable
 * ConfigMap, and read back: a newer operator goes on with what is recorded, so that its upgrade restarts no pod, and a
 * rollback to an old revision finds the pods of then.
 */
export type RevisionRecord = {
  revision: string;
  /** RFC 3339; undefined for a record that nobody has written yet. */
  createdAt?: string | undefined;
  runtimeJson: string | undefined;
  workload: Workload;
};

const workloadFileName = 'workload.json';

/** The record of the pool's newest revision as this operator would write it. */
export function newRecord(pool: Pool): RevisionRecord {
  const { config, revision, weights, adminTokenSha256: tokenSha256 } = pool;
  const admin = tokenSha256 === undefined ? {} : { admin: { tokenSha256 } };
  const runtimeJson = config && JSON.stringify({ ...podRuntimeConfig(config, weights.location), ...admin }, null, 2);
  return { revision, runtimeJson, workload: workloadOf(pool) };
}

/** What the runtime of a revision is told; undefined for other engines, and for what somebody has broken. */
export const recordedConfig = ({ runtimeJson }: RevisionRecord): RuntimeConfig | undefined =>
  runtimeJson === undefined ? undefined : runtimeConfigSchema.safeParse(jsonOf(runtimeJson)).data;

/** Its ConfigMap, whose name carries the revision: no pod ever reads the configuration of another one. */
export function recordConfigMap(owner: Owner, of: Pick<Pool, 'name' | 'resolved'>, record: RevisionRecord): KubeObject {
  const { revision, runtimeJson, workload } = record;
  const head = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: revisionName(of.name, revision),
    labels: { ...poolLabels(of.name, of.resolved.tier), [revisionLabel]: revision },
  };
  return child(owner, head, {
    immutable: true,
    data: {
      ...(runtimeJson === undefined ? {} : { [configFileName]: runtimeJson }),
      [workloadFileName]: canonicalJson(workload),
    },
  });
}

const templateSchema = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
  spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })).min(1) }),
});
const workloadSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('Deployment'), template: templateSchema }),
  z.object({
    kind: z.literal('LeaderWorkerSet'),
    size: z.int().min(2),
    leader: templateSchema,
    worker: templateSchema,
  }),
]);

/** The parts of a ConfigMap that may hold a record. */
export type LiveConfigMap = {
  metadata: {
    name: string;
    labels?: Readonly<Record<string, string>> | undefined;
    creationTimestamp?: string | undefined;
  };
  data?: Readonly<Record<string, string>> | undefined;
};

/** Undefined for a ConfigMap that is no record, or that somebody has broken: the revision is then rendered anew. */
export function readRecord({ metadata, data = {} }: LiveConfigMap): RevisionRecord | undefined {
  const revision = metadata.labels?.[revisionLabel];
  const text = data[workloadFileName];
  if (revision === undefined || text === undefined) return undefined;
  const parsed = workloadSchema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  // The schema looks at what is needed here; what else is in a pod went through the API server before.
  const workload = parsed.data as Workload;
  return { revision, createdAt: metadata.creationTimestamp, runtimeJson: data[configFileName], workload };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The records that stay: those of revisions that run, and the newest of the others up to the limit, for a rollback.
 * Newest first, and by name where two are of the same second.
 */
export function recordsToKeep(
  records: readonly RevisionRecord[],
  live: ReadonlySet<string>,
  limit: number,
): RevisionRecord[] {
  const newestFirst = records.toSorted(
    (a, b) => (b.createdAt ?? '').localeCompare(a.createdAt ?? '') || a.revision.localeCompare(b.revision),
  );
  const old = newestFirst.filter(({ revision }) => !live.has(revision)).slice(0, limit);
  return newestFirst.filter((record) => live.has(record.revision) || old.includes(record));
}
