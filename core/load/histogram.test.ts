import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  added,
  bucketAt,
  countAbove,
  countOf,
  emptyHistogram,
  latencyBoundsMs,
  latencyHistogramSchema,
  observe,
  quantileMs,
  since,
  type LatencyHistogram,
} from './histogram.ts';

const of = (valuesMs: readonly number[]): LatencyHistogram => {
  const histogram = emptyHistogram();
  for (const valueMs of valuesMs) observe(histogram, valueMs);
  return histogram;
};
const values = fc.array(fc.double({ min: 0, max: 80_000, noNaN: true }), { minLength: 1, maxLength: 200 });

describe('a latency histogram', () => {
  it('counts everything once, also what is on a bound or beyond the last', () => {
    const histogram = of([0, 10, 11, 80_000, 80_001, 1e9]);
    expect(countOf(histogram)).toBe(6);
    expect(histogram.counts.at(0)).toBe(2);
    expect(histogram.counts.at(-1)).toBe(2);
    expect(latencyHistogramSchema.parse(histogram)).toEqual(histogram);
  });

  it('has bounds that grow by about a quarter', () => {
    const [first = 0, ...rest] = latencyBoundsMs;
    let before = first;
    for (const boundMs of rest) {
      expect(boundMs / before).toBeGreaterThan(1.24);
      expect(boundMs / before).toBeLessThan(1.29);
      before = boundMs;
    }
  });

  it('knows the bucket of a rank', () => {
    const histogram = of([5, 5, 90, 1e9]);
    expect(bucketAt(histogram, 2)).toEqual({ lowMs: 0, highMs: 10, below: 0, count: 2 });
    expect(bucketAt(histogram, 3)).toEqual({ lowMs: 80, highMs: 100, below: 2, count: 1 });
    expect(bucketAt(histogram, 4)).toMatchObject({ lowMs: 80_000, highMs: Infinity });
    expect(bucketAt(histogram, 5)).toBeUndefined();
  });

  it('holds nothing against what may be within a limit', () => {
    expect(countAbove(of([900, 1_000, 1_100, 3_000]), 1_000)).toBe(2);
    expect(countAbove(of([900, 1_100, 1_200, 3_000]), 1_050)).toBe(1);
  });

  it('says nothing of a quantile before anything was measured', () => {
    expect(quantileMs(emptyHistogram(), 0.95)).toBeUndefined();
  });

  it('knows no more than its last bound of what is beyond it', () => {
    expect(quantileMs(of([1e9]), 0.95)).toBe(latencyBoundsMs.at(-1));
  });

  it('finds a quantile within the bucket in which the true one lies', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (valuesMs, quantile) => {
        const sorted = valuesMs.toSorted((a, b) => a - b);
        const trueMs = sorted[Math.ceil(quantile * sorted.length) - 1] ?? 0;
        const highMs = latencyBoundsMs.find((boundMs) => trueMs <= boundMs) ?? Infinity;
        const lowMs = latencyBoundsMs.findLast((boundMs) => boundMs < trueMs) ?? 0;
        const foundMs = quantileMs(of(valuesMs), quantile) ?? NaN;
        expect(foundMs).toBeGreaterThanOrEqual(lowMs);
        expect(foundMs).toBeLessThanOrEqual(highMs);
      }),
    );
  });

  it('adds up over routers, and what came between two reports is the later without the earlier', () => {
    fc.assert(
      fc.property(values, values, (first, second) => {
        const [a, b, both] = [of(first), of(second), of([...first, ...second])];
        expect(added(a, b).counts).toEqual(both.counts);
        expect(since(both, a).counts).toEqual(b.counts);
      }),
    );
  });

  it('takes a process that started again for what it has counted since', () => {
    const after = of([10]);
    expect(since(after, of([10, 10, 10]))).toEqual(after);
  });
});
