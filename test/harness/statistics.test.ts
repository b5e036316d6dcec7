import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, percentile, showSpread, spreadOf } from './statistics.ts';

describe('the figures of a measurement', () => {
  it.each([
    [[3], 3],
    [[1, 9, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ])('have a median: %j is %d', (values, wanted) => {
    expect(median(values)).toBe(wanted);
  });

  it('have percentiles by the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, at) => 100 - at);
    expect([0.01, 0.5, 0.95, 1].map((share) => percentile(values, share))).toEqual([1, 50, 95, 100]);
  });

  it('are not there for nothing', () => {
    expect([median([]), percentile([], 0.5)]).toEqual([Number.NaN, Number.NaN]);
  });

  it('lie between the least and the most, whatever their order', () => {
    const numbers = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, fc.double({ noNaN: true, min: 0, max: 1 }), (values, share) => {
        const { min, max, median: middle } = spreadOf(values);
        expect(middle).toBeGreaterThanOrEqual(min);
        expect(middle).toBeLessThanOrEqual(max);
        expect(values).toContain(percentile(values, share));
        expect(spreadOf(values.toReversed())).toEqual({ min, max, median: middle });
      }),
    );
  });

  it('are shown with what they were taken from', () => {
    expect(showSpread(spreadOf([1, 2, 4]))).toBe('2.00 (1.00 to 4.00)');
  });
});
