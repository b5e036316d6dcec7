import { durationMs } from '@qwenfleet/core/duration';

/** The API counts most seconds in 32 bits. */
const secondsMax = 2 ** 31 - 1;

/** A duration in whole seconds, rounded up and within what the API accepts. */
export const secondsOf = (duration: string, min: number): number =>
  Math.min(secondsMax, Math.max(min, Math.ceil(durationMs(duration) / 1000)));

/** A sum of seconds, within what the API accepts. */
export const secondsSum = (...parts: readonly number[]): number =>
  Math.min(
    secondsMax,
    parts.reduce((sum, part) => sum + part, 0),
  );
