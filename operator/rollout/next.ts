import { compare } from './ab-result.ts';
import { advance } from './advance.ts';
import { follow } from './aim.ts';
import { armsOf } from './analysis.ts';
import { rolloutConditions } from './conditions.ts';
import type { Draft, Ticked } from './draft.ts';
import { hostsKept } from './hot/host.ts';
import { nextHot, strays } from './hot/turn.ts';
import { adopt, bounded, countsOf } from './revisions.ts';
import { resume, settle } from './settle.ts';
import { limitsOf } from './shift.ts';
import { trafficOf } from './traffic.ts';
import { leavingOf } from './turn.ts';
import type { Decision, Observed, RevisionView, RolloutSpec, RolloutState } from './types.ts';

/**
 * Where a rollout goes from here: replicas of each revision, traffic, and what to remember. Pure: the same state,
 * observation and time give the same decision. Nothing new is decided on an observation that does not show the last
 * decision carried out. How to carry one out: docs/decisions/0010-store-then-act.md.
 *
 * @example next(state, { aim: 'b', desired: 3, revisions, arms, annotations: {} }, spec, clock.nowMs()).replicas
 */
export function next(before: RolloutState | undefined, observed: Observed, spec: RolloutSpec, nowMs: number): Decision {
  const draft: Draft = { state: before ?? adopt(observed, spec, nowMs), events: [] };
  if (spec.paused) return decided(paused(draft, observed), observed, spec);
  const followed = follow(draft, observed, spec, nowMs);
  const { state } = followed;
  if (state.hot) return decided(nextHot(followed, observed, spec, nowMs), observed, spec);
  if (!carriedOut(state, observed)) return decided(resume(followed, observed, spec, nowMs), observed, spec);
  const decide = state.update === undefined ? settle : advance;
  return decided(decide(followed, observed, spec, nowMs), observed, spec);
}

/** Nothing moves, and the time does not count: replicas are to be as they are. */
const paused = ({ state, events }: Draft, { revisions }: Observed): Ticked => ({
  state: { ...state, progress: { ...state.progress, atMs: undefined } },
  events,
  replicas: countsOf(revisions),
});

/** Does every revision have what it was told? If not, a part of it was refused, or somebody else was at it. */
function carriedOut({ told }: RolloutState, { revisions }: Observed): boolean {
  const has = countsOf(revisions);
  return [...new Set([...Object.keys(has), ...Object.keys(told)])].every(
    (revision) => (has[revision] ?? 0) === (told[revision] ?? 0),
  );
}

/** What is there now and will still be there when this is carried out: traffic goes by that. */
const left = ({ revisions }: Observed, told: Readonly<Record<string, number>>): RevisionView[] =>
  revisions.map((view) => ({ ...view, replicas: Math.min(view.replicas, told[view.revision] ?? 0) }));

function decided(outcome: Ticked, observed: Observed, spec: RolloutSpec): Decision {
  const told = bounded(outcome.replicas, outcome.state);
  const stated = { ...outcome.state, told };
  const state = { ...stated, hosts: hostsKept(stated) };
  const limits = limitsOf(spec, state.drainFirst);
  const { waits, verdict, trouble } = outcome.facts ?? {};
  const arms = state.strategy === 'ABTest' ? armsOf(state, observed) : undefined;
  return {
    state,
    replicas: told,
    traffic: trafficOf(state, left(observed, told), spec, observed.desired - limits.unavailable),
    hot: outcome.actions ?? strays(state, observed),
    startWith: outcome.startWith,
    events: outcome.events,
    conditions: rolloutConditions({ state, spec, leaving: leavingOf(state, observed), waits, verdict, trouble }),
    abTest: arms && compare(arms, spec.abTest?.minRequests ?? 0),
  };
}
