import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs, durationPattern, timerMs, timerMsMax } from './duration.ts';

const anyDuration = fc
  .array(fc.tuple(fc.nat(99_999), fc.nat(999), fc.constantFrom('ms', 's', 'm', 'h', 'd')), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.map(([whole, decimals, unit]) => `${whole}.${decimals}${unit}`).join(''));

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
  ])('%s is %d milliseconds', (text, wantedMs) => {
    expect(durationMs(text)).toBe(wantedMs);
  });

  it.each(['', '5', 's', '-1s', '1 s', '1w'])('is refused when it is "%s"', (text) => {
    expect(() => durationMs(text)).toThrow(RangeError);
  });

  it('for a timer is one that a timer can wait for, and never shorter than it was', () => {
    fc.assert(
      fc.property(anyDuration, fc.nat(1000), (text, minMs) => {
        expect(durationPattern.test(text)).toBe(true);
        const waits = timerMs(text, minMs);
        expect(Number.isSafeInteger(waits)).toBe(true);
        expect(waits).toBeGreaterThanOrEqual(Math.min(timerMsMax, Math.max(minMs, durationMs(text))));
        expect(waits).toBeLessThanOrEqual(timerMsMax);
      }),
    );
  });
});
