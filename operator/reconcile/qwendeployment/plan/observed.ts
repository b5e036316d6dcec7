import type { Finding } from '../../conditions.ts';
import type { ScaleState } from '../../../scale/types.ts';

/** Why something does not work: a code for programs, and words for people. */
export type Failure = { code: string; message: string };

/** One replica as its substrate sees it. */
export type ReplicaView = {
  /** Left out where replicas have none that people know them by. */
  name?: string | undefined;
  /** Left out where every replica is of the newest. */
  revision?: string | undefined;
  state: 'starting' | 'ready' | 'draining' | 'waiting';
  progress?: { phase: string; done: number; total: number } | undefined;
  /** Why it ended last, until it is ready again. */
  failure?: Failure | undefined;
};

/** What is known of a pool when its status is written. */
export type Observed = {
  replicas: readonly ReplicaView[];
  /** Why wanted replicas do not even exist. */
  refused?: Failure | undefined;
  desired: number;
  scaling: ScaleState | undefined;
  /** The schedule that allows no replica now, in words. */
  closedBy?: string | undefined;
  /** `RolloutHealthy` and `Progressing`, as the rollout sees them; undefined where nothing is rolled out. */
  rollout?: readonly Finding[] | undefined;
  /** Does a report about the pool's load reach the scaler? */
  hasSignal: boolean;
  /** Replicas that say how full their engine is; undefined where nobody asks, or the engine does not tell. */
  replicaLoads?: number | undefined;
  router: 'ready' | 'stale' | 'unavailable' | 'not-selected';
  /** Of the scaler that spec.scaling.owner names, where it is another than this operator. */
  outsideScaler?: OutsideScaler | undefined;
};

/** `no-metric`: nobody serves what it is to scale by; `no-router`: no router says it of this pool. */
export type OutsideScaler = 'active' | 'missing' | 'no-metric' | 'no-router';
