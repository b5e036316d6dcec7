import type { ScaleState } from '../../../scale/types.ts';

/** One replica as its substrate sees it. */
export type ReplicaView = {
  state: 'starting' | 'ready' | 'draining' | 'waiting';
  progress?: { phase: string; done: number; total: number } | undefined;
  /** Why it ended last, until it is ready again. */
  failure?: { code: string; message: string } | undefined;
};

/** What is known of a pool when its status is written. */
export type Observed = {
  replicas: readonly ReplicaView[];
  desired: number;
  scaling: ScaleState | undefined;
  /** Does a report about the pool's load reach the scaler? */
  hasSignal: boolean;
  router: 'ready' | 'stale' | 'unavailable' | 'not-selected';
};
