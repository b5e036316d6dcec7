import type { Draft } from './draft.ts';
import { hotStart, type HotState } from './hot/drive.ts';
import type { Cause, Outcome, RolloutSpec, RolloutState } from './types.ts';

/** The update goes, for this reason. What runs inside engines goes back first, and is over when it has. */
export function ended(draft: Draft, cause: Cause & { outcome: Outcome }, spec: RolloutSpec, nowMs: number): Draft {
  const { state } = draft;
  if (state.update === undefined) return draft;
  if (state.hot) {
    if (state.hot.back) return draft;
    const hot: HotState = { ...hotStart, sinceMs: nowMs, back: cause };
    return { ...draft, state: { ...state, hot } };
  }
  return over(draft, cause, spec, nowMs);
}

/** Closes the rollout: the update is history, and what hurt or was stopped is not tried again. */
export function over(
  { state, events }: Draft,
  { outcome, reason, message }: Cause & { outcome: Outcome },
  { revisionHistoryLimit }: RolloutSpec,
  nowMs: number,
): Draft {
  const { update, current } = state;
  if (update === undefined) return { state, events };
  const replaced = outcome === 'Replaced';
  const refused = outcome === 'RolledBack' || outcome === 'Aborted';
  const gone = replaced ? current : update;
  const next: RolloutState = {
    ...state,
    current: replaced ? update : current,
    update: undefined,
    hot: undefined,
    step: 0,
    weight: 0,
    stepStartedAtMs: undefined,
    promoted: false,
    rejected: refused ? { revision: update, reason, message, atMs: nowMs } : state.rejected,
    history: [{ revision: gone, atMs: nowMs, outcome, message }, ...state.history].slice(0, revisionHistoryLimit),
    reason: message,
  };
  return { state: next, events: [...events, { type: refused ? 'Warning' : 'Normal', reason, message }] };
}
