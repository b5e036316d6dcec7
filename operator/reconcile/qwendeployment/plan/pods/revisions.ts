import { epochMsOf } from '@qwenfleet/core/timestamp';
import type { RevisionView } from '../../../../rollout/types.ts';
import { starvedAfterMs } from '../../../../rollout/turn.ts';
import { revisionLabel } from '../../../../specs/labels.ts';
import type { ReplicaView } from '../observed.ts';
import { conditionOf, type LivePod, type LiveWorkload } from './live.ts';

export type RevisionsInput = {
  workloads: readonly LiveWorkload[];
  pods: readonly LivePod[];
  /** Of these pods, see `replicaViews`. */
  replicas: readonly ReplicaView[];
  /** Percent of the traffic that routers give a revision now. */
  weightOf: (revision: string) => number;
  /** Starts of a pod that failed in a row, see `StartCounter`. */
  failedStartsOf: (pod: LivePod) => number;
  /** When the rollout began; undefined while there is none. */
  startedEpochMs: number | undefined;
  nowEpochMs: number;
};

/** Every revision of a pool that has a workload or a pod, as a rollout looks at it. */
export function revisionViews(input: RevisionsInput): RevisionView[] {
  const { workloads, pods } = input;
  const named = [...workloads, ...pods].flatMap(({ metadata }) => metadata.labels?.[revisionLabel] ?? []);
  return [...new Set(named)].map((revision) => viewOf(revision, input));
}

function viewOf(revision: string, input: RevisionsInput): RevisionView {
  const isOf = ({ metadata }: LivePod | LiveWorkload): boolean => metadata.labels?.[revisionLabel] === revision;
  const workload = input.workloads.find((each) => isOf(each) && each.metadata.deletionTimestamp === undefined);
  const all = input.pods.filter((pod) => isOf(pod));
  const pods = all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const replicas = input.replicas.filter((replica) => replica.revision === revision);
  const ready = replicas.filter(({ state }) => state === 'ready').length;
  return {
    revision,
    replicas: workload ? (workload.spec?.replicas ?? 1) : 0,
    ready,
    weight: input.weightOf(revision),
    ending: all.length - pods.length,
    starved: starvedOf(pods, replicas, input.nowEpochMs),
    // One that answers is proof that the revision can.
    failedStarts: ready > 0 ? 0 : Math.max(0, ...pods.map((pod) => input.failedStartsOf(pod))),
    failure: replicas.find(({ failure }) => failure)?.failure?.message,
    young: youngOf(pods, input.startedEpochMs),
  };
}

/** Pods that have waited for an accelerator long enough to believe that none is coming free by itself. */
function starvedOf(pods: readonly LivePod[], replicas: readonly ReplicaView[], nowEpochMs: number): number {
  const short = new Set(
    replicas.filter(({ failure }) => failure?.code === 'insufficient_accelerators').map(({ name }) => name),
  );
  return pods.filter((pod) => {
    const sinceEpochMs = epochMsOf(conditionOf(pod, 'PodScheduled')?.lastTransitionTime);
    return short.has(pod.metadata.name) && sinceEpochMs !== undefined && nowEpochMs - sinceEpochMs >= starvedAfterMs;
  }).length;
}

/** Kubernetes keeps whole seconds: what was made in the second of the beginning counts as made after it. */
function youngOf(pods: readonly LivePod[], startedEpochMs: number | undefined): number {
  if (startedEpochMs === undefined) return 0;
  const sinceEpochMs = Math.floor(startedEpochMs / 1000) * 1000;
  return pods.filter(({ metadata }) => (epochMsOf(metadata.creationTimestamp) ?? 0) >= sinceEpochMs).length;
}
