import type { Limits } from '../shift.ts';
import type { RevisionView, RolloutSpec, RolloutState, StrategyName, Verdict } from '../types.ts';

/** What a strategy decides on: one rollout at one moment. */
export type Turn = {
  state: RolloutState;
  spec: RolloutSpec;
  /** Replicas wanted, all revisions together. */
  desired: number;
  stable: RevisionView;
  update: RevisionView;
  /** Replicas of revisions that are neither and still leave. */
  leaving: number;
  /** Ready replicas besides those of the update, as far as they serve. */
  oldReady: number;
  limits: Limits;
  verdict: Verdict;
  /** Are there results of this step already? */
  counting: boolean;
  nowMs: number;
};

/** What a rollout waits for: only waiting for replicas counts against the deadline. */
export type Waits = 'replicas' | 'time' | 'data' | 'person' | 'room' | 'demand';

export type Move = {
  /** Replicas that both revisions should have at this step. */
  goal: { stable: number; update: number };
  step: number;
  /** Percent of the traffic for the update. */
  weight: number;
  stepStartedAtMs: number | undefined;
  waits: Waits;
  /** The update has replaced everything. */
  done: boolean;
  reason: string;
};

/** A way to replace a revision: pure, and all of its memory is in the state. */
export type Strategy = {
  name: StrategyName;
  /** Can an old replica make room for a new one, when no accelerator is spare? */
  drains: boolean;
  /** Most replicas of all revisions together. */
  capOf(desired: number, limits: Limits): number;
  next(turn: Turn): Move;
};

/** As many as the limits allow. */
export const withSurge = (desired: number, { surge }: Limits): number => desired + surge;

/** When the routers began to send this weight, or more because nothing else answers: undefined until they do. */
export function stepStart({ state, update, oldReady, counting, nowMs }: Turn, weight: number): number | undefined {
  const sent = update.weight === weight || (oldReady === 0 && update.weight > weight);
  return state.stepStartedAtMs ?? (counting && sent ? nowMs : undefined);
}
