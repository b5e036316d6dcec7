import type { Window } from './window.ts';

/** A QwenDeployment's scaling block, resolved: every default filled in, every duration in milliseconds. */
export type ScaleSpec = {
  minReplicas: number;
  maxReplicas: number;
  /** What is measured, for reasons that people read. */
  metric: string;
  targetPerReplica: number;
  stableMs: number;
  panicMs: number;
  /** Percent of the target, over the ready replicas, from which the short window decides. */
  panicThreshold: number;
  rateUp: number;
  rateDown: number;
  scaleDownDelayMs: number;
  /** Idle time before the last replica goes; undefined keeps it. */
  scaleToZeroAfterMs: number | undefined;
  mode: 'Enforce' | 'Recommend';
};

/** What the router says of a pool. */
export type Signal = {
  /** The metric over the whole pool, all replicas together; undefined when nobody measures it. */
  value: number | undefined;
  /** Requests that replicas are working on. */
  inFlight: number;
  /** Requests waiting for a replica. */
  held: number;
  /** Since the last request arrived or ended; undefined when there was none. */
  idleMs: number | undefined;
};

export type Observation = {
  ready: number;
  starting: number;
  /** Undefined when nobody knows: then nothing changes. */
  signal: Signal | undefined;
};

export type ScaleDecision = { atMs: number; from: number; to: number; reason: string };

/** Decisions kept for the status. */
export const historyMax = 5;

/** What the scaler remembers between two ticks. Plain data, so that it can be written to a status and read back. */
export type ScaleState = {
  desired: number;
  /** What it would have, which differs from desired in Recommend mode only. */
  recommended: number;
  startedAtMs: number;
  /** When the pool was last seen busy, starting or unknown. */
  activeAtMs: number;
  panicUntilMs: number | undefined;
  stable: Window;
  panic: Window;
  /** What was wanted lately: the largest of it stays while scaleDownDelay lasts. */
  wanted: Window;
  reason: string;
  /** Newest first. */
  history: readonly ScaleDecision[];
};
