import { compare } from './ab-result.ts';
import { follow } from './aim.ts';
import { armsOf } from './analysis.ts';
import { rolloutConditions } from './conditions.ts';
import type { Draft, Ticked } from './draft.ts';
import { ended, over } from './ending.ts';
import { nextHot } from './hot/turn.ts';
import { adopt, bounded, prunable } from './revisions.ts';
import { limitsOf, shift } from './shift.ts';
import { strategies } from './strategies.ts';
import type { Move, Turn } from './strategy/strategy.ts';
import { trafficOf } from './traffic.ts';
import { late, progressOf, troubleOf } from './trouble.ts';
import { drainFirstOf, leavingOf, turnOf, withinReach } from './turn.ts';
import type { Decision, Observed, RolloutSpec, RolloutState } from './types.ts';

/**
 * Where a rollout goes from here: replicas of each revision, traffic, and what to remember. Pure: the same state,
 * observation and time give the same decision, and nothing is decided on an observation that does not show the last one
 * carried out. Whoever carries it out stores the state first, under the version that it was read at.
 *
 * @example next(state, { aim: 'b', desired: 3, revisions, arms, annotations: {} }, spec, clock.nowMs()).replicas
 */
export function next(before: RolloutState | undefined, observed: Observed, spec: RolloutSpec, nowMs: number): Decision {
  const draft: Draft = { state: before ?? adopt(observed, spec, nowMs), events: [] };
  if (spec.paused) return decided(paused(draft, nowMs), observed, spec);
  const followed = follow(draft, observed, spec, nowMs);
  if (followed.state.hot) return decided(nextHot(followed, observed, spec, nowMs), observed, spec);
  if (!carriedOut(followed.state, observed)) return decided(waiting(followed, observed, spec, nowMs), observed, spec);
  if (followed.state.update === undefined) return decided(settle(followed, observed, spec, nowMs), observed, spec);
  return decided(advance(followed, observed, spec, nowMs), observed, spec);
}

/** Nothing moves, and the time does not count. */
function paused({ state, events }: Draft, nowMs: number): Ticked {
  const next = { ...state, progress: { ...state.progress, atMs: nowMs } };
  return { state: next, events, replicas: state.told };
}

/** Does every revision have what it was told? If not, this is an old picture, or somebody else was at it. */
const carriedOut = ({ told }: RolloutState, { revisions }: Observed): boolean => {
  const has = new Map(revisions.map(({ revision, replicas }) => [revision, replicas]));
  const revisionsOf = new Set([...has.keys(), ...Object.keys(told)]);
  return [...revisionsOf].every((revision) => (has.get(revision) ?? 0) === (told[revision] ?? 0));
};

function waiting(draft: Draft, { revisions }: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const { state } = draft;
  const strangers = revisions.filter(({ revision, replicas }) => replicas > 0 && !(revision in state.told));
  const told = {
    ...state.told,
    ...Object.fromEntries(strangers.map(({ revision, replicas }) => [revision, replicas])),
  };
  const trouble = state.update === undefined ? undefined : late(state.progress, spec.progressDeadlineMs, nowMs);
  const reason = 'waits until replicas are as they were told to be';
  const kept = { ...draft, state: { ...state, told, reason: state.update === undefined ? state.reason : reason } };
  if (!trouble || !spec.autoRollback) return { ...kept, replicas: told, facts: { trouble } };
  return { ...ended(kept, { outcome: 'RolledBack', ...trouble }, spec, nowMs), replicas: told };
}

/** No rollout: the revision that serves has what the scaler wants, and everything else leaves within the limits. */
function settle(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const drainFirst = leavingOf(draft.state, observed) > 0 ? drainFirstOf(draft.state, observed, nowMs) : undefined;
  const state = { ...draft.state, drainFirst };
  const desired = withinReach(state, observed, nowMs);
  const limits = limitsOf(spec, drainFirst);
  const bounds = { cap: desired + limits.surge, floor: desired - limits.unavailable };
  return { ...draft, state, replicas: shift(observed.revisions, { [state.current]: desired }, bounds) };
}

/** One step of the rollout, unless something speaks against it. */
function advance(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const turn = turnOf(draft.state, observed, spec, nowMs);
  const move = strategies[turn.state.strategy].next(turn);
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
  const bounds = { cap: move.cap, floor: turn.desired - turn.limits.unavailable };
  const replicas = shift(observed.revisions, goals, bounds);
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

function decided(outcome: Ticked, observed: Observed, spec: RolloutSpec): Decision {
  const told = bounded(outcome.replicas, outcome.state);
  const state = { ...outcome.state, told };
  const limits = limitsOf(spec, state.drainFirst);
  const { waits, verdict, trouble } = outcome.facts ?? {};
  const arms = state.strategy === 'ABTest' ? armsOf(state, observed) : undefined;
  return {
    state,
    replicas: told,
    traffic: trafficOf(state, observed.revisions, spec, observed.desired - limits.unavailable),
    hot: outcome.actions ?? [],
    prune: prunable(state, observed),
    events: outcome.events,
    conditions: rolloutConditions({ state, spec, leaving: leavingOf(state, observed), waits, verdict, trouble }),
    abTest: arms && compare(arms, spec.abTest?.minRequests ?? 0),
  };
}
