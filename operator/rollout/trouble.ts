import { readyOf } from './shift.ts';
import type { Move, Turn } from './strategy/strategy.ts';
import type { Cause, RolloutState } from './types.ts';

/** Starts that may fail in a row before a revision counts as broken, when no replica of it ever answered. */
const failedStartsMax = 5;

/** How far it is, for the deadline: only a record counts, so that a replica that comes and goes is no progress. */
export function progressOf({ state, update, stable, leaving, nowMs }: Turn, move: Move): RolloutState['progress'] {
  const { progress } = state;
  const ready = readyOf(update);
  const old = stable.replicas + leaving;
  const further = ready > progress.ready || old < progress.old || move.step !== state.step;
  const sinceMs = further ? nowMs : (progress.atMs ?? nowMs);
  const atMs = move.waits === 'replicas' ? sinceMs : undefined;
  const best = { ready: Math.max(ready, progress.ready), old: Math.min(old, progress.old) };
  // Each step has its own way to go.
  return move.step === state.step ? { atMs, ...best } : { atMs, ready, old };
}

/** What is wrong with the update; undefined while nothing is. */
export function troubleOf(
  { state, spec, update, verdict, nowMs }: Turn,
  progress: RolloutState['progress'],
): Cause | undefined {
  if (verdict.kind === 'bad' && !state.promoted) return { reason: verdict.reason, message: verdict.message };
  const { failedStarts = 0, failure = 'the engine ended' } = update;
  if (failedStarts >= failedStartsMax && update.replicas > 0 && readyOf(update) === 0) {
    return { reason: 'EngineCrashed', message: `${failedStarts} starts in a row failed: ${failure}` };
  }
  return late(progress, spec.progressDeadlineMs, nowMs);
}

export function late({ atMs }: RolloutState['progress'], deadlineMs: number, nowMs: number): Cause | undefined {
  if (atMs === undefined || nowMs - atMs <= deadlineMs) return undefined;
  const message = `no progress for ${Math.round((nowMs - atMs) / 1000)} s, rollout.progressDeadline is ${Math.round(deadlineMs / 1000)} s`;
  return { reason: 'ProgressDeadlineExceeded', message };
}
