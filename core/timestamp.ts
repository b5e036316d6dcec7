import type { Instant } from './clock.ts';

/** Epoch milliseconds as RFC 3339, such as `2026-11-24T21:02:11.000Z`. Throws a RangeError on what is no time. */
export const timestampOf = (epochMs: number): string => new Date(Math.round(epochMs)).toISOString();

/** RFC 3339 to epoch milliseconds; undefined for what is no time. */
export function epochMsOf(timestamp: string | undefined): number | undefined {
  const epochMs = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

/** A moment of the monotonic clock, for a status: the next process has another origin, but the same calendar. */
export const stampOf = (atMs: number, { nowMs, epochMs }: Instant): string => timestampOf(epochMs + atMs - nowMs);

/**
 * A moment from a status, on this process's monotonic clock; undefined for what is no time. Never in the future: the
 * clock of whoever wrote it may be ahead.
 */
export function momentOf(timestamp: string | undefined, { nowMs, epochMs }: Instant): number | undefined {
  const atEpochMs = epochMsOf(timestamp);
  return atEpochMs === undefined ? undefined : Math.min(nowMs, nowMs + atEpochMs - epochMs);
}
