import type { RevisionView } from '@qwenfleet/operator/rollout/types';
import { starvedAfterMs } from '@qwenfleet/operator/rollout/turn';
import type { Stored } from './objects.ts';
import type { Report } from './router.ts';

/** What the caches of one process show at one moment. */
export type Picture = {
  lookedMs: number;
  /** Everything that happened until then is in it. */
  podsAsOfMs: number;
  workloadsAsOfMs: number;
  pool: Stored<'pool'>;
  workloads: readonly Stored<'workload'>[];
  pods: readonly Stored<'pod'>[];
  traffic: Stored<'traffic'> | undefined;
};

type Eyes = {
  weightOf: (revision: string) => number;
  /** Now, on the calendar that pods are stamped with. */
  nowMs: number;
  /** When the rollout began, on the same. */
  beganMs: number;
};

/** The weight that every router sends; the least of them while they differ. */
export const weightInForce = (reports: readonly Report[], revision: string): number =>
  reports.length === 0 ? 0 : Math.min(...reports.map(({ weights }) => weights[revision] ?? 0));

/** Revisions as the state machine takes them. */
export const viewsOf = ({ workloads, pods }: Picture, eyes: Eyes): RevisionView[] =>
  workloads.map(({ metadata, body }) => {
    const revision = metadata.name;
    const all = pods.filter((pod) => pod.body.revision === revision).map((pod) => pod.body);
    const staying = all.filter(({ phase }) => phase !== 'terminating');
    const ready = staying.filter(({ phase }) => phase === 'ready').length;
    const waits = ({ phase, startedMs }: (typeof all)[number]): boolean =>
      phase === 'pending' && eyes.nowMs - startedMs >= starvedAfterMs;
    return {
      revision,
      replicas: body.told,
      ready,
      weight: eyes.weightOf(revision),
      starved: staying.filter(waits).length,
      ending: all.length - staying.length,
      failedStarts: ready > 0 ? 0 : staying.reduce((sum, { failedStarts }) => sum + failedStarts, 0),
      young: staying.filter(({ startedMs }) => startedMs >= eyes.beganMs).length,
    };
  });
