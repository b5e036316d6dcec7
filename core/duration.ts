const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The same pattern that the CRD schema carries, so that the API server and we accept the same text. */
export const durationPattern = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/;

/** `"1m30s"` to milliseconds. Throws a RangeError on anything that the pattern does not match. */
export function durationMs(text: string): number {
  if (!durationPattern.test(text)) throw new RangeError(`"${text}" is not a duration such as 30s, 5m or 1m30s`);
  let totalMs = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return totalMs;
}

/** The longest that Node's timers wait: anything above fires at once. */
export const timerMsMax = 2 ** 31 - 1;

/** A duration for a timer: whole milliseconds, rounded up, from `minMs` to what a timer can wait. */
export const timerMs = (text: string, minMs = 0): number =>
  Math.min(timerMsMax, Math.max(minMs, Math.ceil(durationMs(text))));
