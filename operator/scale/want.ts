import type { ScaleSpec, ScaleState, Signal } from './types.ts';
import { average, maximum, reachMs, record } from './window.ts';

/** Room for noise: a replica goes only when the rest could carry this much more than the load. */
const headroom = 1.1;
/** Rounding errors of an average must not cost a replica. */
const epsilon = 1e-9;
/** Share of the stable window that samples must reach back before an average may cost a replica. */
const shrinkReach = 0.5;

export type Measured = Signal & { value: number };

/** Everything that one decision looks at; `state` has this tick's samples already. */
export type Tick = { state: ScaleState; ready: number; signal: Measured; spec: ScaleSpec; nowMs: number };

/** `asked` is what load alone asks for: the delay before shrinking remembers that, not what it kept itself. */
export type Want = { replicas: number; reason: string; asked?: number };

export const inPanic = ({ panicUntilMs }: ScaleState, nowMs: number): boolean =>
  panicUntilMs !== undefined && nowMs < panicUntilMs;

/** How many replicas the pool should have, before the bounds of its spec. */
export function wantOf(tick: Tick): Want {
  const { state, signal, spec } = tick;
  const idle = idleWant(tick);
  if (idle) return idle;
  if (state.desired === 0 && signal.inFlight === 0 && signal.held === 0) {
    return { replicas: spec.minReplicas, reason: state.reason };
  }
  const load = loadWant(tick);
  return limited(signal.held > 0 && load.replicas < 1 ? { replicas: 1, reason: `${signal.held} held` } : load, tick);
}

/** The way to zero: undefined unless the pool has been idle for long enough, and for sure. */
function idleWant({ state, signal, spec, nowMs }: Tick): Want | undefined {
  if (spec.minReplicas > 0 || spec.scaleToZeroAfterMs === undefined) return undefined;
  // A router that began after the last request says nothing of it; then idle time begins with this process.
  const unsureMs = signal.idleMs === undefined ? (state.restoredAtMs ?? 0) : 0;
  const idleMs = nowMs - Math.max(state.activeAtMs, unsureMs);
  const restored = state.restoredAtMs !== undefined && nowMs - state.restoredAtMs < spec.stableMs;
  if (idleMs < spec.scaleToZeroAfterMs || restored || signal.partial || inPanic(state, nowMs)) return undefined;
  return { replicas: Math.floor(state.desired / spec.rateDown), reason: `idle for ${seconds(idleMs)}` };
}

/** What the load asks for, before any limit. */
function loadWant({ state, ready, spec, nowMs }: Tick): Want {
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

/** Rates, the delay before shrinking, and the moments in which nothing shrinks or grows. */
function limited(want: Want, tick: Tick): Want {
  const { state, ready, spec, nowMs } = tick;
  const ceiling = mayGrow(tick) ? Math.max(state.desired, Math.ceil(spec.rateUp * Math.max(1, ready))) : state.desired;
  const floor = Math.floor(state.desired / spec.rateDown);
  const wanted = maximum(record(state.wanted, want.replicas, nowMs), nowMs) ?? 0;
  const kept = mayShrink(tick) ? 0 : state.desired;
  const replicas = Math.max(1, Math.min(ceiling, Math.max(want.replicas, floor, wanted, kept)));
  const asked = want.replicas;
  if (replicas === want.replicas || replicas !== state.desired) return { ...want, replicas, asked };
  const waits = replicas > want.replicas ? 'waits before it shrinks' : 'waits for more samples before it grows';
  return { replicas, asked, reason: `${want.reason}; ${waits}` };
}

/** After a start one sample would be the whole average: until samples reach over the short window, only a burst or a held request adds. */
const mayGrow = ({ state, signal, spec, nowMs }: Tick): boolean =>
  signal.held > 0 || inPanic(state, nowMs) || reachMs(state.stable, nowMs) >= spec.panicMs;

/** Nothing goes after a start, on thin evidence, while a request is held, or while the first replica still loads. */
function mayShrink({ state, ready, signal, spec, nowMs }: Tick): boolean {
  const settled = nowMs - state.startedAtMs >= spec.stableMs;
  const evidence = reachMs(state.stable, nowMs) >= shrinkReach * spec.stableMs;
  return settled && evidence && signal.held === 0 && ready > 0 && signal.partial !== true;
}

const replicasFor = (load: number, target: number): number => Math.ceil(load / target - epsilon);

const figure = (value: number): string => String(Math.round(value * 10) / 10);
const seconds = (spanMs: number): string => `${figure(spanMs / 1000)} s`;
