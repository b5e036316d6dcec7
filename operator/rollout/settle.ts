import type { Draft, Ticked } from './draft.ts';
import { ended } from './ending.ts';
import { limitsOf, shift, type Bounds } from './shift.ts';
import { strategies } from './strategies.ts';
import { serving } from './traffic.ts';
import { late } from './trouble.ts';
import { drainFirstOf, leavingOf, withinReach } from './turn.ts';
import type { Observed, RolloutSpec, RolloutState } from './types.ts';

/** No rollout: the revision that serves has what the scaler wants, and everything else leaves within the limits. */
export function settle(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const drainFirst = leavingOf(draft.state, observed) > 0 ? drainFirstOf(draft.state, observed, nowMs) : undefined;
  const state = { ...draft.state, drainFirst };
  const goals = { [state.current]: withinReach(state, observed, nowMs) };
  return {
    ...draft,
    state,
    replicas: shift(serving(state, observed.revisions, spec), goals, boundsOf(state, observed, spec, nowMs)),
  };
}

/**
 * A part of what was told was refused, or somebody else was at it: it is told again before anything new is, as far as
 * that is still within the limits. What nobody ordered goes.
 */
export function resume(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const { state } = draft;
  const replicas = shift(serving(state, observed.revisions, spec), state.told, boundsOf(state, observed, spec, nowMs));
  if (state.update === undefined) return { ...draft, replicas };
  const progress = { ...state.progress, atMs: state.progress.atMs ?? nowMs };
  const reason = 'waits until replicas are as they were told to be';
  const kept = { ...draft, state: { ...state, progress, reason } };
  const trouble = late(progress, spec.progressDeadlineMs, nowMs);
  if (!trouble || !spec.autoRollback) return { ...kept, replicas, facts: { trouble } };
  return { ...ended(kept, { outcome: 'RolledBack', ...trouble }, spec, nowMs), replicas };
}

function boundsOf(state: RolloutState, observed: Observed, spec: RolloutSpec, nowMs: number): Bounds {
  const limits = limitsOf(spec, state.drainFirst);
  const desired = withinReach(state, observed, nowMs);
  const strategy = strategies[state.update === undefined ? 'Rolling' : state.strategy];
  return { cap: strategy.capOf(desired, limits), floor: desired - limits.unavailable };
}
