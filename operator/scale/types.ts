import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Schedule } from './schedule.ts';
import type { Window } from './window.ts';

type Scaling = NonNullable<QwenDeployment['spec']['scaling']>;

export type MetricName = Scaling['target']['metric'];

/** A QwenDeployment's scaling block, resolved: every default filled in, every duration in milliseconds. */
export type ScaleSpec = {
  mode: Scaling['mode'];
  minReplicas: number;
  maxReplicas: number;
  /** What is measured, for reasons that people read. */
  metric: MetricName;
  targetPerReplica: number;
  stableMs: number;
  panicMs: number;
  /** Percent of the target, over the ready replicas, from which the short window decides. */
  panicThreshold: number;
  rateUp: number;
  rateDown: number;
  scaleDownDelayMs: number;
  /** Idle time before the last replica goes, where the bounds in force allow none; undefined keeps it. */
  scaleToZeroAfterMs: number | undefined;
  /** Bounds of certain hours, as the spec lists them; `inForce` says which hold. */
  schedules: readonly Schedule[];
  /** Where the bounds come from, when a schedule set them; undefined otherwise. */
  boundsFrom: string | undefined;
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
  /** Somebody who should report did not: the figures are a floor, so nothing is removed on their account. */
  partial?: boolean | undefined;
};

export type Observation = {
  ready: number;
  starting: number;
  /** Undefined when nobody knows: then nothing changes. */
  signal: Signal | undefined;
};

export type ScaleDecision = {
  atMs: number;
  /** As a process before this one wrote it: two clocks never agree to the millisecond, and what was does not change. */
  at?: string;
  from: number;
  to: number;
  reason: string;
};

/** Decisions kept for the status. */
export const historyMax = 5;

/** What the scaler remembers between two ticks. Plain data; `toStatus` writes it down and `fromStatus` reads it back. */
export type ScaleState = {
  desired: number;
  /** What it would have, which differs from desired in Recommend mode only. */
  recommended: number;
  startedAtMs: number;
  /** When this state was read back from a status; undefined for a pool that began with this process. */
  restoredAtMs: number | undefined;
  /** When the pool was last seen busy, starting or unknown. */
  activeAtMs: number;
  /** When desired last changed. */
  changedAtMs: number | undefined;
  panicUntilMs: number | undefined;
  stable: Window;
  panic: Window;
  /** What was wanted lately: the largest of it stays while scaleDownDelay lasts. */
  wanted: Window;
  reason: string;
  /** Newest first. */
  history: readonly ScaleDecision[];
};
