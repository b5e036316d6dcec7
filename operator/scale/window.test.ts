import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { average, bucketsMax, emptyWindow, maximum, record, resized, type Window } from './window.ts';

const fed = (spanMs: number, samples: [atMs: number, value: number][]): Window =>
  samples.reduce((window, [atMs, value]) => record(window, value, atMs), emptyWindow(spanMs));

describe('a window', () => {
  it('knows nothing before its first sample', () => {
    expect(average(emptyWindow(60_000), 5)).toBeUndefined();
    expect(maximum(emptyWindow(60_000), 5)).toBeUndefined();
  });

  it('averages over time, not over samples', () => {
    const burst: [number, number][] = Array.from({ length: 100 }, (_, at) => [at, 90]);
    const window = fed(60_000, [...burst, [1_000, 0], [2_000, 0]]);
    expect(average(window, 2_000)).toBe(30);
  });

  it('forgets what is older than its span', () => {
    const window = fed(60_000, [
      [0, 100],
      [50_000, 10],
    ]);
    expect(average(window, 55_000)).toBe(55);
    expect(average(window, 61_000)).toBe(10);
    expect(average(window, 200_000)).toBeUndefined();
  });

  it('remembers the largest of its span', () => {
    expect(
      maximum(
        fed(10_000, [
          [0, 3],
          [2_000, 9],
          [4_000, 1],
        ]),
        5_000,
      ),
    ).toBe(9);
  });

  it('of no span has the present only', () => {
    expect(
      maximum(
        fed(0, [
          [0, 9],
          [5, 1],
        ]),
        5,
      ),
    ).toBe(1);
  });

  it('starts anew when its span changes, and only then', () => {
    const window = fed(10_000, [[0, 3]]);
    expect(resized(window, 10_000)).toBe(window);
    expect(resized(window, 20_000).buckets).toEqual([]);
  });

  it('is bounded, and its average lies between its samples, whatever it is fed', () => {
    const samples = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), samples, (spanMs, steps) => {
        let nowMs = 0;
        let window = emptyWindow(spanMs);
        const values: number[] = [];
        for (const [deltaMs, value] of steps) {
          nowMs += deltaMs;
          window = record(window, value, nowMs);
          values.push(value);
        }
        const mean = average(window, nowMs) ?? -1;
        expect(window.buckets.length).toBeLessThanOrEqual(bucketsMax + 1);
        expect(mean).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
        expect(mean).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
      }),
      { seed: 7, numRuns: 100 },
    );
  });
});
