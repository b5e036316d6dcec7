import { historyMax, type Observation, type ScaleSpec, type ScaleState, type Signal } from './types.ts';
import { average, emptyWindow, maximum, record, resized } from './window.ts';

/** Room for noise: a replica goes only when the rest could carry this much more than the load. */
const headroom = 1.1;
/** Rounding errors of an average must not cost a replica. */
const epsilon = 1e-9;

/** The scaler before its first tick, with the replicas that there are. */
export const initialState = (desired: number, spec: ScaleSpec, nowMs: number): ScaleState => ({
  desired,
  recommended: desired,
  startedAtMs: nowMs,
  activeAtMs: nowMs,
  panicUntilMs: undefined,
  stable: emptyWindow(spec.stableMs),
  panic: emptyWindow(spec.panicMs),
  wanted: record(emptyWindow(spec.scaleDownDelayMs), desired, nowMs),
  reason: 'as started',
  history: [],
});

type Measured = Signal & { value: number };
/** `asked` is what load alone asks for: the delay before shrinking remembers that, not what it kept itself. */
type Want = { replicas: number; reason: string; asked?: number };

/**
 * How many replicas a pool should have now: Knative's two windows, with rates, a delay before shrinking, and zero only
 * after idle time. Pure: the same state, observation and time give the same answer.
 *
 * @example decide(state, { ready: 1, starting: 0, signal: { value: 40, held: 0, idleMs: 0 } }, spec, nowMs).desired
 */
export function decide(
  before: ScaleState,
  observation: Observation,
  spec: ScaleSpec,
  nowMs: number,
): { state: ScaleState; desired: number; reason: string } {
  const state = sized(before, spec);
  const { signal } = observation;
  if (signal?.value === undefined) {
    const waiting = (signal?.held ?? 0) > 0 ? 1 : 0;
    const want = {
      replicas: Math.max(state.desired, waiting),
      reason: `nobody reports ${spec.metric}: nothing changes`,
    };
    return settle({ ...state, activeAtMs: nowMs }, want, spec, nowMs);
  }
  const measured = { ...signal, value: signal.value };
  const seen = observe(state, observation, measured, spec, nowMs);
  return settle(seen, wantOf(seen, observation, measured, spec, nowMs), spec, nowMs);
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
  { ready }: Observation,
  signal: Measured,
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

const inPanic = ({ panicUntilMs }: ScaleState, nowMs: number): boolean =>
  panicUntilMs !== undefined && nowMs < panicUntilMs;

function wantOf(state: ScaleState, observation: Observation, signal: Measured, spec: ScaleSpec, nowMs: number): Want {
  const panicking = inPanic(state, nowMs);
  const idleMs = nowMs - state.activeAtMs;
  const mayVanish = spec.minReplicas === 0 && spec.scaleToZeroAfterMs !== undefined && !panicking;
  if (mayVanish && idleMs >= (spec.scaleToZeroAfterMs ?? Infinity)) {
    const replicas = Math.floor(state.desired / spec.rateDown);
    return { replicas, reason: `idle for ${seconds(idleMs)}` };
  }
  if (state.desired === 0 && signal.inFlight === 0 && signal.held === 0) {
    return { replicas: spec.minReplicas, reason: state.reason };
  }
  const load = loadWant(state, observation, spec, nowMs);
  const held = signal.held > 0 && load.replicas < 1 ? { replicas: 1, reason: `${signal.held} held` } : load;
  return limited(held, state, observation, spec, nowMs);
}

/** What the load asks for, before any limit. */
function loadWant(state: ScaleState, { ready }: Observation, spec: ScaleSpec, nowMs: number): Want {
  const { targetPerReplica: target, metric } = spec;
  const stable = average(state.stable, nowMs) ?? 0;
  const fit = replicasFor(stable, target);
  // Room for noise counts only on the way down, or load near a boundary would flap.
  const quiet = fit >= state.desired ? fit : Math.min(state.desired, replicasFor(stable * headroom, target));
  const calm: Want = {
    replicas: quiet,
    reason: `${metric} ${figure(stable)} over ${seconds(spec.stableMs)}, target ${figure(target)} a replica`,
  };
  if (!inPanic(state, nowMs)) return calm;
  const burst = average(state.panic, nowMs) ?? 0;
  const replicas = Math.max(state.desired, quiet, replicasFor(burst, target));
  const percent = Math.round((burst / (target * Math.max(1, ready))) * 100);
  const why = `${metric} ${figure(burst)} over ${seconds(spec.panicMs)}, ${percent} % of the target of ${Math.max(1, ready)} ready`;
  return { replicas, reason: `burst: ${why}` };
}

/** Rates, the delay before shrinking, and the time after a start in which nothing shrinks. */
function limited(want: Want, state: ScaleState, { ready }: Observation, spec: ScaleSpec, nowMs: number): Want {
  const ceiling = Math.max(state.desired, Math.ceil(spec.rateUp * Math.max(1, ready)));
  const floor = Math.floor(state.desired / spec.rateDown);
  const wanted = maximum(record(state.wanted, want.replicas, nowMs), nowMs) ?? 0;
  const settling = nowMs - state.startedAtMs < spec.stableMs ? state.desired : 0;
  const replicas = Math.min(ceiling, Math.max(want.replicas, floor, wanted, settling, 1));
  if (replicas <= want.replicas || replicas !== state.desired) return { ...want, replicas, asked: want.replicas };
  return { replicas, asked: want.replicas, reason: `${want.reason}; waits before it shrinks` };
}

function settle(
  state: ScaleState,
  want: Want,
  spec: ScaleSpec,
  nowMs: number,
): { state: ScaleState; desired: number; reason: string } {
  const recommended = bounded(want.replicas, spec);
  const desired = spec.mode === 'Recommend' ? bounded(state.desired, spec) : recommended;
  const changed = recommended !== state.recommended;
  const decision = { atMs: nowMs, from: state.recommended, to: recommended, reason: want.reason };
  const next: ScaleState = {
    ...state,
    desired,
    recommended,
    wanted: record(state.wanted, want.asked ?? recommended, nowMs),
    reason: changed || recommended !== 0 ? want.reason : state.reason,
    panicUntilMs: inPanic(state, nowMs) ? state.panicUntilMs : undefined,
    history: changed ? [decision, ...state.history].slice(0, historyMax) : state.history,
  };
  return { state: next, desired, reason: next.reason };
}

const bounded = (replicas: number, { minReplicas, maxReplicas }: ScaleSpec): number =>
  Math.min(maxReplicas, Math.max(minReplicas, replicas));

const replicasFor = (load: number, target: number): number => Math.ceil(load / target - epsilon);

const figure = (value: number): string => String(Math.round(value * 10) / 10);
const seconds = (spanMs: number): string => `${figure(spanMs / 1000)} s`;
