import { isDeepStrictEqual } from 'node:util';
import type { Instant } from '@qwenfleet/core/clock';
import { momentOf, stampOf } from '@qwenfleet/core/timestamp';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { initialState } from './decide.ts';
import { decodeWindow, encodeWindow } from './memory.ts';
import { historyMax, type ScaleSpec, type ScaleState } from './types.ts';

export type ScalingStatus = NonNullable<QwenDeploymentStatus['scaling']>;

/** What the schema of the status allows a reason. */
const reasonLengthMax = 512;

/** The scaler's state as a resource's `status.scaling`: everything that a next process needs, in bounded size. */
export function toStatus(state: ScaleState, time: Instant): ScalingStatus {
  const stamp = (atMs: number): string => stampOf(atMs, time);
  const memory = {
    ...present('stable', encodeWindow(state.stable, time)),
    ...present('panic', encodeWindow(state.panic, time)),
    ...present('wanted', encodeWindow(state.wanted, time)),
  };
  return {
    desired: state.desired,
    recommended: state.recommended,
    ...(state.changedAtMs === undefined ? {} : { lastScaleTime: stamp(state.changedAtMs) }),
    reason: state.reason.slice(0, reasonLengthMax),
    panic: state.panicUntilMs !== undefined,
    ...(state.panicUntilMs === undefined ? {} : { panicUntil: stamp(state.panicUntilMs) }),
    activeAt: stamp(state.activeAtMs),
    history: state.history.map(({ atMs, at = stamp(atMs), from, to, reason }) => ({
      at,
      from,
      to,
      reason: reason.slice(0, reasonLengthMax),
    })),
    memory,
  };
}

/**
 * The scaler's state as the last process of the operator left it. Capacity stays: `replicas`, what the pool has been
 * told to have, wins over what the status says was wanted, and for one stable window nothing is removed.
 */
export function fromStatus(
  status: ScalingStatus | undefined,
  spec: ScaleSpec,
  { replicas, ...time }: Instant & { replicas?: number | undefined },
): ScaleState {
  const desired = replicas ?? status?.desired ?? spec.minReplicas;
  const fresh = { ...initialState(desired, spec, time.nowMs), restoredAtMs: time.nowMs };
  if (!status) return fresh;
  const wanted = decodeWindow(status.memory?.wanted, spec.scaleDownDelayMs, time);
  return {
    ...fresh,
    recommended: spec.mode === 'Recommend' ? (status.recommended ?? desired) : desired,
    activeAtMs: momentOf(status.activeAt, time) ?? time.nowMs,
    changedAtMs: momentOf(status.lastScaleTime, time),
    panicUntilMs: panicUntil(status, spec, time),
    stable: decodeWindow(status.memory?.stable, spec.stableMs, time),
    panic: decodeWindow(status.memory?.panic, spec.panicMs, time),
    wanted: wanted.buckets.length > 0 ? wanted : fresh.wanted,
    reason: status.reason ?? fresh.reason,
    history: (status.history ?? []).slice(0, historyMax).map(({ at, ...decision }) => ({
      ...decision,
      at,
      atMs: momentOf(at, time) ?? time.nowMs,
    })),
  };
}

/**
 * Is there anything in it that a person or another program would miss? The memory alone is no reason to write: a pool
 * at rest costs the API server nothing, and averages that are lost with a crash only make the next process wait.
 */
export function worthWriting(written: ScalingStatus | undefined, next: ScalingStatus): boolean {
  return written === undefined || !isDeepStrictEqual(visible(written), visible(next));
}

/** Times are left out: they are counted from a monotonic clock, and the calendar drifts away from that by milliseconds. */
const visible = ({ desired, recommended, panic, reason, history = [] }: ScalingStatus): object => ({
  desired,
  recommended,
  panic,
  reason: withoutFigures(reason),
  history: history.map(({ at: _at, ...decision }) => decision),
});

/** `Concurrency 12.3 over 60 s` changes with every tick while nothing happens, and so does what waits near a boundary. */
const withoutFigures = (reason = ''): string => reason.replace(/; waits .*$/, '').replace(/\d+(\.\d+)?/g, '#');

/** A burst is answered for one stable window at most, whatever a clock elsewhere said. */
function panicUntil({ panicUntil: until }: ScalingStatus, spec: ScaleSpec, time: Instant): number | undefined {
  const latest = { nowMs: time.nowMs + spec.stableMs, epochMs: time.epochMs + spec.stableMs };
  const untilMs = momentOf(until, latest);
  return untilMs === undefined || untilMs <= time.nowMs ? undefined : untilMs;
}

const present = <K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> =>
  // One key with one value is what the type says, though a computed key widens it.
  value === undefined ? {} : ({ [key]: value } as Record<K, string>);
