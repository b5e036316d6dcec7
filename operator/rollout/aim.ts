import { revisionsMax } from '@qwenfleet/crds/qwendeployment/rollout-status';
import type { Draft } from './draft.ts';
import { ended } from './ending.ts';
import { hotStart } from './hot/drive.ts';
import { hosted, isTaken } from './hot/host.ts';
import type { Observed, RolloutSpec, RolloutState } from './types.ts';

/** What the spec and the annotations ask for: begin, go on to another, go back, or nothing new. */
export function follow(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Draft {
  const aimed = followSpec(draft, observed, spec, nowMs);
  return followAnnotations(sameStrategy(aimed, spec), observed, spec, nowMs);
}

function followSpec(draft: Draft, observed: Observed, spec: RolloutSpec, nowMs: number): Draft {
  const { state } = draft;
  const { aim } = observed;
  if (aim === state.update) return draft;
  if (aim === state.current) {
    const message = `the spec asks for ${aim} again`;
    const reverted = ended(draft, { outcome: 'Reverted', reason: 'RolloutReverted', message }, spec, nowMs);
    return { ...reverted, state: { ...reverted.state, rejected: undefined } };
  }
  if (aim === state.rejected?.revision && !wantsPromotion(state, observed, aim)) return draft;
  // Its workload runs another one: nothing can be begun before the engines there have been asked.
  if (isTaken(state, aim) && !observed.hot) return draft;
  // One more would not fit into the status: those that leave go first.
  if (Object.keys(state.told).length >= revisionsMax - 1) return draft;
  const message = `the spec asks for ${aim} now`;
  const free = ended(draft, { outcome: 'Superseded', reason: 'RolloutSuperseded', message }, spec, nowMs);
  return free.state.hot ? free : started(free, observed, spec, nowMs);
}

function started({ state, events }: Draft, { aim, hot }: Observed, spec: RolloutSpec, nowMs: number): Draft {
  const inside = hot?.way.way === 'hot';
  const how = inside ? `inside the running engines: ${hot.way.reason}` : `with strategy ${spec.strategy}`;
  const next: RolloutState = {
    ...state,
    update: aim,
    round: state.round + 1,
    strategy: spec.strategy,
    step: 0,
    weight: 0,
    startedAtMs: nowMs,
    stepStartedAtMs: undefined,
    progress: { atMs: nowMs, ready: 0, old: Number.MAX_SAFE_INTEGER },
    drainFirst: undefined,
    promoted: false,
    rejected: undefined,
    hot: inside ? hotStart : undefined,
    hosts: inside ? hosted(state, aim) : state.hosts,
  };
  const message = `${aim} replaces ${state.current} ${how}`;
  return { state: next, events: [...events, { type: 'Normal', reason: 'RolloutStarted', message }] };
}

/** A strategy that was changed in the middle begins at its first step, with the results that count from now on. */
function sameStrategy({ state, events }: Draft, spec: RolloutSpec): Draft {
  if (state.update === undefined || state.strategy === spec.strategy) return { state, events };
  const next = { ...state, strategy: spec.strategy, step: 0, round: state.round + 1, stepStartedAtMs: undefined };
  return { state: next, events };
}

function followAnnotations(draft: Draft, { annotations }: Observed, spec: RolloutSpec, nowMs: number): Draft {
  const { promote, abort } = annotations;
  const { update, obeyed } = draft.state;
  // An annotation that was acted on stays without effect until it is taken away or says something else.
  const state = {
    ...draft.state,
    obeyed: {
      promote: obeyed.promote === promote ? promote : undefined,
      abort: obeyed.abort === abort ? abort : undefined,
    },
  };
  if (update === undefined) return { ...draft, state };
  if (abort === update && state.obeyed.abort !== abort) {
    const message = `somebody aborted ${abort} with qwenfleet.io/abort`;
    const next = { ...state, obeyed: { ...state.obeyed, abort } };
    return ended({ ...draft, state: next }, { outcome: 'Aborted', reason: 'RolloutAborted', message }, spec, nowMs);
  }
  if (promote !== update || state.obeyed.promote === promote) return { ...draft, state };
  const message = `somebody promoted ${promote} with qwenfleet.io/promote`;
  const next = { ...state, promoted: true, obeyed: { ...state.obeyed, promote } };
  return { state: next, events: [...draft.events, { type: 'Normal', reason: 'RolloutPromoted', message }] };
}

const wantsPromotion = ({ obeyed }: RolloutState, { annotations }: Observed, revision: string): boolean =>
  annotations.promote === revision && obeyed.promote !== revision && annotations.abort !== revision;
