import { armsOf, judge } from './analysis.ts';
import { limitsOf, readyOf } from './shift.ts';
import { strategies } from './strategies.ts';
import type { Turn } from './strategy/strategy.ts';
import { trusted } from './traffic.ts';
import type { Observed, RevisionView, RolloutSpec, RolloutState } from './types.ts';

/** How long a replica may wait for an accelerator before it counts as starved, and an old one makes room for it. */
export const starvedAfterMs = 60_000;
/** How long a rollout makes do with the accelerators that there were, before it asks for more again. */
const askAgainAfterMs = 5 * 60_000;

/** One rollout at one moment, as a strategy looks at it. */
export function turnOf(before: RolloutState, observed: Observed, spec: RolloutSpec, nowMs: number): Turn {
  const drains = strategies[before.strategy].drains;
  const state = { ...before, drainFirst: drains ? drainFirstOf(before, observed, nowMs) : before.drainFirst };
  const arms = armsOf(state, observed);
  return {
    state,
    spec,
    desired: withinReach(state, observed, nowMs),
    stable: viewOf(observed, state.current),
    update: viewOf(observed, state.update ?? ''),
    leaving: leavingOf(state, observed),
    oldReady: oldReadyOf(state, observed),
    limits: limitsOf(spec, state.drainFirst),
    verdict: judge(arms, spec.analysis),
    counting: arms !== undefined,
    nowMs,
  };
}

/** A revision as it was seen; one that was not has nothing. */
export const viewOf = ({ revisions }: Observed, wanted: string): RevisionView =>
  revisions.find(({ revision }) => revision === wanted) ?? { revision: wanted, replicas: 0, ready: 0, weight: 0 };

/** What is remembered of accelerators that were missing: the last time, and how many replicas had one then. */
export function drainFirstOf(
  { drainFirst }: RolloutState,
  { revisions }: Observed,
  nowMs: number,
): RolloutState['drainFirst'] {
  const starved = revisions.reduce((sum, { starved: waiting = 0 }) => sum + waiting, 0);
  if (starved === 0) return drainFirst;
  const placed = revisions.reduce((sum, { replicas, ending = 0 }) => sum + replicas + ending, 0) - starved;
  return { reach: Math.max(1, placed), atMs: nowMs };
}

const oldReadyOf = (state: RolloutState, { revisions }: Observed): number =>
  trusted(state, revisions)
    .filter(({ revision }) => revision !== state.update)
    .reduce((sum, view) => sum + readyOf(view), 0);

/** Replicas that there are accelerators for: a rollout that waits for more than the cluster has would wait for ever. */
export function withinReach({ drainFirst }: RolloutState, { desired }: Observed, nowMs: number): number {
  if (!drainFirst || nowMs - drainFirst.atMs > askAgainAfterMs) return desired;
  return Math.min(desired, drainFirst.reach);
}

/** Replicas of revisions that neither serve nor come. */
export const leavingOf = ({ current, update }: RolloutState, { revisions }: Observed): number =>
  revisions
    .filter(({ revision }) => revision !== current && revision !== update)
    .reduce((sum, { replicas }) => sum + replicas, 0);
