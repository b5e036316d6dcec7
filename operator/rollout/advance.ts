import type { Draft, Ticked } from './draft.ts';
import { ended, over } from './ending.ts';
import { settle } from './settle.ts';
import { shift } from './shift.ts';
import { strategies } from './strategies.ts';
import type { Move, Turn } from './strategy/strategy.ts';
import { serving } from './traffic.ts';
import { progressOf, troubleOf } from './trouble.ts';
import { turnOf } from './turn.ts';
import type { Observed, RolloutSpec, RolloutState } from './types.ts';

/** One step of the rollout, unless something speaks against it. */
export function advance(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const turn = turnOf(draft.state, observed, spec, nowMs);
  const strategy = strategies[turn.state.strategy];
  const move = strategy.next(turn);
  const progress = progressOf(turn, move);
  const trouble = troubleOf(turn, progress);
  const state = { ...turn.state, progress };
  if (trouble && spec.autoRollback) {
    const back = ended({ ...draft, state }, { outcome: 'RolledBack', ...trouble }, spec, nowMs);
    return settle(back, observed, spec, nowMs);
  }
  const facts = { waits: move.waits, verdict: turn.verdict, trouble };
  // What hurts and may not be taken back comes no further.
  const hurts = trouble !== undefined && turn.verdict.kind === 'bad';
  const goal = hurts ? frozen(turn) : move.goal;
  const goals = { [state.current]: goal.stable, [turn.update.revision]: goal.update };
  const { desired, limits } = turn;
  const weight = hurts ? state.weight : move.weight;
  const bounds = { cap: strategy.capOf(desired, limits), floor: desired - limits.unavailable };
  const replicas = shift(serving({ ...state, weight }, observed.revisions, spec), goals, bounds);
  if (move.done && !hurts) return { ...completed({ ...draft, state }, spec, nowMs), replicas };
  const moved = { step: move.step, weight: move.weight, stepStartedAtMs: move.stepStartedAtMs, reason: move.reason };
  const kept = hurts ? { reason: trouble.message } : moved;
  return { ...stepped(draft, state, kept), replicas, facts };
}

function stepped({ events }: Draft, state: RolloutState, moved: Partial<RolloutState>): Draft {
  const next = { ...state, ...moved };
  if (next.step === state.step) return { state: next, events };
  return { state: next, events: [...events, { type: 'Normal', reason: 'RolloutStep', message: next.reason }] };
}

function completed(draft: Draft, spec: RolloutSpec, nowMs: number): Draft {
  const { current, update } = draft.state;
  const cause = { reason: 'RolloutComplete', message: `${update} has replaced ${current}` };
  return over(draft, { outcome: 'Replaced', ...cause }, spec, nowMs);
}

/** The update keeps what it has; whatever else is wanted is the old revision's. */
const frozen = ({ desired, update }: Turn): Move['goal'] => {
  const kept = Math.min(desired, update.replicas);
  return { update: kept, stable: desired - kept };
};
