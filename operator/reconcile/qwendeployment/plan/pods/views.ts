import { epochMsOf } from '@qwenfleet/core/timestamp';
import { revisionLabel, roleLabel } from '../../../../specs/labels.ts';
import type { Failure, ReplicaView } from '../observed.ts';
import { containerFailure } from './container.ts';
import { conditionOf, type LiveClaim, type LivePod, type LiveReplicaSet, type LiveWorkload } from './live.ts';
import { schedulingFailure, type Wanted } from './scheduling.ts';

export type PodsInput = {
  pods: readonly LivePod[];
  /** Those that the pods name. */
  claims: readonly LiveClaim[];
  wanted: Wanted;
  /** Longest time that a replica may take to answer, in milliseconds. */
  progressDeadlineMs: number;
  nowEpochMs: number;
};

/** The replicas of a pool as its pods show them, each with the first reason why it does not answer. */
export const replicaViews = (input: PodsInput): ReplicaView[] =>
  groupsOf(input.pods.filter(isThere)).map((group) => viewOf(group, input));

/** Evicted and finished pods stay as a note only: others have taken their place. */
const isThere = ({ status }: LivePod): boolean => status?.phase !== 'Failed' && status?.phase !== 'Succeeded';

/** One replica: its serving pod first, and the pods that compute for it on other nodes. */
type Group = { server: LivePod; workers: readonly LivePod[] };

const groupLabels = ['leaderworkerset.sigs.k8s.io/name', 'leaderworkerset.sigs.k8s.io/group-index'];

function groupsOf(pods: readonly LivePod[]): Group[] {
  const isWorker = (pod: LivePod): boolean => pod.metadata.labels?.[roleLabel] === 'worker';
  const groupOf = (pod: LivePod): string => groupLabels.map((label) => pod.metadata.labels?.[label] ?? '').join('/');
  const workers = pods.filter(isWorker);
  return pods
    .filter((pod) => !isWorker(pod))
    .map((server) => ({ server, workers: workers.filter((worker) => groupOf(worker) === groupOf(server)) }));
}

function viewOf({ server, workers }: Group, input: PodsInput): ReplicaView {
  const { name, labels, deletionTimestamp } = server.metadata;
  const identity = { name, ...(labels?.[revisionLabel] === undefined ? {} : { revision: labels[revisionLabel] }) };
  if (deletionTimestamp !== undefined) return { ...identity, state: 'draining' };
  if (conditionOf(server, 'Ready')?.status === 'True') return { ...identity, state: 'ready' };
  const failure = firstFailure([server, ...workers], input) ?? lateFailure(server, input);
  const waits = server.status?.containerStatuses?.some(
    ({ state }) => state?.waiting?.reason === 'CrashLoopBackOff' || state?.waiting?.reason === 'ImagePullBackOff',
  );
  return { ...identity, state: waits ? 'waiting' : 'starting', ...(failure ? { failure } : {}) };
}

function firstFailure(pods: readonly LivePod[], { claims, wanted }: PodsInput): Failure | undefined {
  for (const pod of pods) {
    const failure = schedulingFailure(pod, claims, wanted) ?? containerFailure(pod);
    if (failure) return failure;
  }
  return undefined;
}

/** How long ago the pod was made, where that is longer than a replica may take to answer. */
function overdueMs({ metadata }: LivePod, { progressDeadlineMs, nowEpochMs }: PodsInput): number | undefined {
  const madeEpochMs = epochMsOf(metadata.creationTimestamp);
  if (madeEpochMs === undefined) return undefined;
  const ageMs = nowEpochMs - madeEpochMs;
  return ageMs > progressDeadlineMs ? ageMs : undefined;
}

/** Replicas that should answer by now and do not: nobody need wait for them when a node is drained. */
export const overdueReplicas = (input: PodsInput): number =>
  input.pods.filter(
    (pod) =>
      isThere(pod) &&
      pod.metadata.deletionTimestamp === undefined &&
      conditionOf(pod, 'Ready')?.status !== 'True' &&
      overdueMs(pod, input) !== undefined,
  ).length;

/** Nothing is known to be wrong, and yet it takes too long. */
function lateFailure(pod: LivePod, input: PodsInput): Failure | undefined {
  const ageMs = overdueMs(pod, input);
  if (ageMs === undefined) return undefined;
  const message = `pod ${pod.metadata.name} does not answer after ${Math.round(ageMs / 60_000)} minutes; raise rollout.progressDeadline if its model loads that slowly`;
  return { code: 'start_timeout', message };
}

/** Why wanted replicas have no pod: none may be made, for a quota, a policy, or an account that is not there. */
export function refusedReplicas(
  workloads: readonly LiveWorkload[],
  replicaSets: readonly LiveReplicaSet[],
): Failure | undefined {
  const refused = [...workloads, ...replicaSets]
    .map((of) => conditionOf(of, 'ReplicaFailure'))
    .find((condition) => condition?.status === 'True');
  return refused && { code: 'pod_refused', message: `no pod may be made: ${refused.message ?? refused.reason ?? ''}` };
}
