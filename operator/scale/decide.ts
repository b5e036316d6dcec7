import { historyMax, type Observation, type ScaleSpec, type ScaleState } from './types.ts';
import { inPanic, wantOf, type Measured, type Want } from './want.ts';
import { average, emptyWindow, record, resized } from './window.ts';

export type Decided = { state: ScaleState; desired: number; reason: string };

/** The scaler before its first tick, with the replicas that there are. */
export const initialState = (desired: number, spec: ScaleSpec, nowMs: number): ScaleState => ({
  desired,
  recommended: desired,
  startedAtMs: nowMs,
  restoredAtMs: undefined,
  activeAtMs: nowMs,
  changedAtMs: undefined,
  panicUntilMs: undefined,
  stable: emptyWindow(spec.stableMs),
  panic: emptyWindow(spec.panicMs),
  wanted: record(emptyWindow(spec.scaleDownDelayMs), desired, nowMs),
  reason: 'as started',
  history: [],
});

/**
 * How many replicas a pool should have now: Knative's two windows, with rates, a delay before shrinking, and zero only
 * after idle time. Pure: the same state, observation and time give the same answer. The spec is the one in force, see
 * `inForce`.
 *
 * @example decide(state, { ready: 1, starting: 0, signal: { value: 40, inFlight: 40, held: 0, idleMs: 0 } }, spec, nowMs).desired
 */
export function decide(before: ScaleState, observation: Observation, spec: ScaleSpec, nowMs: number): Decided {
  const state = sized(before, spec);
  const { signal, ready } = observation;
  if (signal?.value === undefined) {
    const waiting = (signal?.held ?? 0) > 0 ? 1 : 0;
    const want = {
      replicas: Math.max(state.desired, waiting),
      reason: `nobody reports ${spec.metric}: nothing changes`,
    };
    return settle({ ...state, activeAtMs: nowMs }, want, spec, nowMs);
  }
  const measured = { ...signal, value: signal.value };
  const seen = observe(state, { ready, signal: measured }, spec, nowMs);
  return settle(seen, wantOf({ state: seen, ready, signal: measured, spec, nowMs }), spec, nowMs);
}

/** A changed spec empties the windows whose span it changed. */
function sized(state: ScaleState, spec: ScaleSpec): ScaleState {
  return {
    ...state,
    stable: resized(state.stable, spec.stableMs),
    panic: resized(state.panic, spec.panicMs),
    wanted: resized(state.wanted, spec.scaleDownDelayMs),
  };
}

function observe(
  state: ScaleState,
  { ready, signal }: { ready: number; signal: Measured },
  spec: ScaleSpec,
  nowMs: number,
): ScaleState {
  const panic = record(state.panic, signal.value, nowMs);
  const overload = ((average(panic, nowMs) ?? 0) / (spec.targetPerReplica * Math.max(1, ready))) * 100;
  // The first replica is still loading while none is ready: idle time begins after that.
  const busy = signal.inFlight > 0 || signal.held > 0 || ready === 0;
  const heardAtMs = signal.idleMs === undefined ? 0 : nowMs - signal.idleMs;
  return {
    ...state,
    stable: record(state.stable, signal.value, nowMs),
    panic,
    panicUntilMs: overload >= spec.panicThreshold ? nowMs + spec.stableMs : state.panicUntilMs,
    activeAtMs: busy ? nowMs : Math.max(state.activeAtMs, heardAtMs),
  };
}

function settle(state: ScaleState, want: Want, spec: ScaleSpec, nowMs: number): Decided {
  const recommended = bounded(want.replicas, spec);
  const desired = spec.mode === 'Recommend' ? bounded(state.desired, spec) : recommended;
  const changed = recommended !== state.recommended;
  const reason = want.reason + boundReason(want.replicas, recommended, spec);
  const decision = { atMs: nowMs, from: state.recommended, to: recommended, reason };
  const next: ScaleState = {
    ...state,
    desired,
    recommended,
    wanted: record(state.wanted, want.asked ?? recommended, nowMs),
    // A pool at zero goes on saying why it went there.
    reason: changed || recommended !== 0 ? reason : state.reason,
    changedAtMs: desired === state.desired ? state.changedAtMs : nowMs,
    panicUntilMs: inPanic(state, nowMs) ? state.panicUntilMs : undefined,
    history: changed ? [decision, ...state.history].slice(0, historyMax) : state.history,
  };
  return { state: next, desired, reason: next.reason };
}

const bounded = (replicas: number, { minReplicas, maxReplicas }: ScaleSpec): number =>
  Math.min(maxReplicas, Math.max(minReplicas, replicas));

function boundReason(wanted: number, given: number, { boundsFrom }: ScaleSpec): string {
  if (wanted === given) return '';
  const bound = given > wanted ? `at least ${given}` : `at most ${given}`;
  return `; ${bound}${boundsFrom === undefined ? '' : ` from ${boundsFrom}`}`;
}
