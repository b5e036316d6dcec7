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
  /** The revision that a workload runs, by the one that it is named after. */
  hostedBy?: (workload: string) => string;
  /** The revision that a pod answers with, where that is not the one that its workload runs. */
  answersWith?: (pod: LivePod) => string | undefined;
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
  const named = [...input.workloads.map(runBy(input)), ...input.pods.map(servedBy(input))];
  return [...new Set(named)].flatMap((revision) => (revision === undefined ? [] : [viewOf(revision, input)]));
}

type Of<T> = (of: T) => string | undefined;

/** The revision that a workload runs. */
const runBy =
  ({ hostedBy = (name: string) => name }: RevisionsInput): Of<LiveWorkload | LivePod> =>
  ({ metadata }) => {
    const name = metadata.labels?.[revisionLabel];
    return name === undefined ? undefined : hostedBy(name);
  };

/** The revision that a pod answers with. */
const servedBy =
  (input: RevisionsInput): Of<LivePod> =>
  (pod) =>
    input.answersWith?.(pod) ?? runBy(input)(pod);

const isStaying = ({ metadata }: LivePod | LiveWorkload): boolean => metadata.deletionTimestamp === undefined;

function viewOf(revision: string, input: RevisionsInput): RevisionView {
  const [runs, serves] = [runBy(input), servedBy(input)];
  const workload = input.workloads.find((each) => runs(each) === revision && isStaying(each));
  const all = input.pods.filter((pod) => serves(pod) === revision);
  const pods = all.filter(isStaying);
  const names = new Set<string | undefined>(all.map(({ metadata }) => metadata.name));
  const replicas = input.replicas.filter(({ name }) => names.has(name));
  // In a workload of another revision a replica counts for what it answers with.
  const guests = input.pods.filter((pod) => isStaying(pod) && serves(pod) !== runs(pod));
  const given = guests.filter((pod) => runs(pod) === revision).length;
  const taken = guests.filter((pod) => serves(pod) === revision).length;
  const ready = replicas.filter(({ state }) => state === 'ready').length;
  return {
    revision,
    replicas: Math.max(0, (workload ? (workload.spec?.replicas ?? 1) : 0) - given) + taken,
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
