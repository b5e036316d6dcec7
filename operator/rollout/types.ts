import type { Finding } from '../reconcile/conditions.ts';
import type { AbResult } from './ab-result.ts';
import type { Arm } from './arm.ts';
import type { HotAction, HotReplica, HotState } from './hot/drive.ts';
import type { UpdateWay } from './hot/way.ts';

export type StrategyName = 'Rolling' | 'Canary' | 'BlueGreen' | 'OnDelete' | 'ABTest';

/** A QwenDeployment's rollout block, resolved: every default filled in, every duration in milliseconds. */
export type RolloutSpec = {
  strategy: StrategyName;
  maxSurge: number;
  maxUnavailable: number;
  progressDeadlineMs: number;
  /** Of a canary; empty for other strategies. */
  steps: readonly { weight: number; pauseMs: number }[];
  analysis: AnalysisSpec;
  abTest: AbTestSpec | undefined;
  autoRollback: boolean;
  revisionHistoryLimit: number;
  paused: boolean;
};

export type AnalysisSpec = {
  maxErrorRatio: number;
  /** Largest 95th percentile of the time to the first token; undefined: time is not judged. */
  ttftMsMax: number | undefined;
  minRequests: number;
};

export type AbTestSpec = {
  weight: number;
  header: { name: string; value: string } | undefined;
  minRequests: number;
};

/** One revision as the substrate sees it. */
export type RevisionView = {
  revision: string;
  /** Replicas that its workload was told to have. */
  replicas: number;
  /** Replicas that answer. */
  ready: number;
  /** Percent of the traffic that the routers give it now. */
  weight: number;
  /** Replicas of it that have been waiting for an accelerator for longer than `starvedAfterMs`. */
  starved?: number | undefined;
  /** Replicas of it that are on their way out, and may still hold an accelerator. */
  ending?: number | undefined;
  /** Starts of its replicas that failed in a row, since one of them was ready last. */
  failedStarts?: number | undefined;
  /** What the last failed start said. */
  failure?: string | undefined;
  /** Replicas of it that were started after the rollout began: replacements of some that somebody deleted. */
  young?: number | undefined;
};

/** Results by revision, and the step that they are of, see `stepOf`. */
export type StepResults = { step: string; byRevision: Readonly<Record<string, Arm>> };

/** Everything that one decision looks at. */
export type Observed = {
  /** The revision that the spec asks for. */
  aim: string;
  /** Replicas that the scaler wants, all revisions together. */
  desired: number;
  revisions: readonly RevisionView[];
  /** What the routers counted since a step began; undefined when they say nothing. */
  arms: StepResults | undefined;
  /** Values of `qwenfleet.io/promote` and `qwenfleet.io/abort`: a revision each. */
  annotations: { promote?: string | undefined; abort?: string | undefined };
  /**
   * What engines answer with, where they were asked: the replicas of the workload of the revision that serves, and how
   * that revision would become the aim. Undefined: nobody was asked, and replicas are replaced.
   */
  hot?: { way: UpdateWay; replicas: readonly HotReplica[] } | undefined;
};

/** Why something is done or refused: a word for programs, a sentence for people. */
export type Cause = { reason: string; message: string };
export type Outcome = 'Replaced' | 'RolledBack' | 'Aborted' | 'Reverted' | 'Superseded';
export type PastRevision = { revision: string; atMs: number; outcome: Outcome; message: string };

/** What the machine remembers. Plain data; `toStatus` writes it down and `fromStatus` reads it back. */
export type RolloutState = {
  /** The revision that serves, and that a rollback goes back to. */
  current: string;
  /** The revision that is being brought in; undefined when none is. */
  update: string | undefined;
  /** Rollouts begun so far. */
  round: number;
  strategy: StrategyName;
  step: number;
  /** Percent of the traffic that the update is to get. */
  weight: number;
  startedAtMs: number;
  /** Since when the routers send this step's weight; undefined until they do. */
  stepStartedAtMs: number | undefined;
  /**
   * What the deadline counts from: the most that was ready and the fewest old replicas left so far. No time while
   * something else than replicas is waited for: it counts anew after that.
   */
  progress: { atMs: number | undefined; ready: number; old: number };
  /**
   * No accelerator is spare: an old replica goes before a new one comes, and for a while the rollout makes do with as
   * many replicas as there were accelerators for. Undefined while there are enough.
   */
  drainFirst: { reach: number; atMs: number } | undefined;
  /** Somebody promoted the update: it comes without steps and pauses. */
  promoted: boolean;
  /** Replicas that each revision was told to have. */
  told: Readonly<Record<string, number>>;
  /** Workloads of revisions that came into running engines: named after the revision that was there before, see `host`. */
  hosts: Readonly<Record<string, string>>;
  /** The revision of the spec that is not tried again. */
  rejected: (Cause & { revision: string; atMs: number }) | undefined;
  /** Annotations that were acted on. */
  obeyed: { promote?: string | undefined; abort?: string | undefined };
  /** A change inside running engines; undefined when replicas are replaced. */
  hot: HotState | undefined;
  /** Newest first. */
  history: readonly PastRevision[];
  reason: string;
};

export type RolloutEvent = Cause & { type: 'Normal' | 'Warning' };

/** What routers are told: who gets how much. */
export type Traffic = {
  /** Percent by revision; 100 in total, unless there is no revision at all. */
  weights: Readonly<Record<string, number>>;
  /** Requests with this header go to the revision, whatever the weights. */
  header?: { name: string; value: string; revision: string } | undefined;
};

export type Decision = {
  /** To be stored before anything else is done. */
  state: RolloutState;
  /** Replicas by revision; what is not named has none. */
  replicas: Readonly<Record<string, number>>;
  traffic: Traffic;
  hot: readonly HotAction[];
  /** While engines exchange weights: what replicas that start in their workload begin with. */
  startWith: string | undefined;
  events: readonly RolloutEvent[];
  conditions: readonly Finding[];
  abTest: AbResult | undefined;
};

export type Verdict = Cause & { kind: 'good' | 'bad' | 'insufficient' | 'inconclusive' };
export type Arms = { stable: Arm; update: Arm };
