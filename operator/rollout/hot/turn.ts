import { armsOf, judge } from '../analysis.ts';
import type { Draft, Ticked } from '../draft.ts';
import { ended, over } from '../ending.ts';
import { limitsOf, shift } from '../shift.ts';
import { shareOfReady } from '../traffic.ts';
import { viewOf } from '../turn.ts';
import type { Observed, RolloutSpec, RolloutState } from '../types.ts';
import { driveHot, type HotAction, type HotMove } from './drive.ts';
import { isTaken, unhosted } from './host.ts';

/** One tick of a change inside running engines. Revisions are counted by what replicas answer with. */
export function nextHot(before: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Ticked {
  const draft = judged(before, observed, spec, nowMs);
  const { state } = draft;
  const { current: from, update: to, hot } = state;
  if (!hot || to === undefined || !observed.hot) return { ...draft, replicas: state.told };
  const mustStay = isTaken(state, to);
  const move = driveHot({ hot, from, to, replicas: observed.hot.replicas, mustStay, nowMs });
  if (move.outcome === 'unable') return anew(draft, to, move.reason);
  const replicas = replicasFor(observed, spec, { from, to, startWith: move.startWith });
  const weight = shareOfReady(viewOf(observed, from).ready, viewOf(observed, to).ready);
  const moved = { ...draft, state: { ...state, hot: move.hot, weight, reason: move.reason } };
  const { actions, startWith } = move;
  return { ...closed(moved, move, spec, nowMs), replicas, actions, startWith, facts: { waits: 'replicas' } };
}

/** Goes on with the strategy, by new replicas in a workload of their own. */
function anew({ state, events }: Draft, to: string, why: string): Ticked {
  const message = `new replicas bring ${to}: ${why}`;
  return {
    state: { ...state, hot: undefined, hosts: unhosted(state, to), weight: 0, reason: message },
    events: [...events, { type: 'Normal', reason: 'RolloutStep', message }],
    replicas: state.told,
    facts: { waits: 'replicas' },
  };
}

/** At rest: a replica that began with what the others have left behind since, which a kubelet may bring a minute late. */
export function strays({ hot, current, update }: RolloutState, observed: Observed): HotAction[] {
  if (hot || update !== undefined) return [];
  const wrong = (observed.hot?.replicas ?? []).filter(({ loaded, ready }) => ready && loaded !== current);
  return wrong.map(({ id, failed, unable }) => {
    const isLost = failed?.revision === current || unable !== undefined;
    return { replica: id, do: isLost ? 'replace' : 'load', revision: current };
  });
}

/** Requests that go wrong with the new revision turn it back, wherever it is. */
function judged(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Draft {
  const verdict = judge(armsOf(draft.state, observed), spec.analysis);
  if (verdict.kind !== 'bad' || !spec.autoRollback || draft.state.promoted) return draft;
  const { reason, message } = verdict;
  return ended(draft, { outcome: 'RolledBack', reason, message }, spec, nowMs);
}

function closed(draft: Draft, { outcome, hot }: HotMove, spec: RolloutSpec, nowMs: number): Draft {
  const { update, current } = draft.state;
  if (outcome === 'done') {
    const message = `${update} has replaced ${current} inside the running engines`;
    return over(draft, { outcome: 'Replaced', reason: 'RolloutComplete', message }, spec, nowMs);
  }
  return outcome === 'back' && hot.back ? over(draft, hot.back, spec, nowMs) : draft;
}

/** What the scaler adds begins with what is safe now; what it takes is of the other revision first. */
function replicasFor(
  observed: Observed,
  spec: RolloutSpec,
  { from, to, startWith }: { from: string; to: string; startWith: string },
): Record<string, number> {
  const other = startWith === to ? from : to;
  const kept = Math.min(viewOf(observed, startWith).replicas, observed.desired);
  const others = Math.min(viewOf(observed, other).replicas, observed.desired - kept);
  const goals = { [other]: others, [startWith]: observed.desired - others };
  const limits = limitsOf(spec, undefined);
  const bounds = { cap: observed.desired + limits.surge, floor: observed.desired - limits.unavailable };
  return shift(observed.revisions, goals, bounds);
}
