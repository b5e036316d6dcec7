import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs } from '../duration.ts';
import { burnRates, burnRatesWithin, burnRatio } from './burn-rate.ts';

describe('the burn of an error budget', () => {
  it('is judged by the pairs of the SRE workbook', () => {
    expect(burnRates.map(({ factor, long, short }) => [factor, long, short])).toEqual([
      [14.4, '1h', '5m'],
      [6, '6h', '30m'],
      [3, '1d', '2h'],
      [1, '3d', '6h'],
    ]);
    expect(burnRates.map(({ factor }) => burnRatio(factor, 0.001))).toEqual([0.0144, 0.006, 0.003, 0.001]);
  });

  it('looks back no further than the objective, and always at something', () => {
    const names = (days: number): string[] => burnRatesWithin(days * 86_400_000).map(({ name }) => name);
    expect(names(30)).toEqual(['FastBurn', 'SteadyBurn', 'SlowBurn', 'Drain']);
    expect(names(1)).toEqual(['FastBurn', 'SteadyBurn', 'SlowBurn']);
    expect(names(0.01)).toEqual(['FastBurn']);
  });

  it('takes a long window of which the short one is a twelfth', () => {
    for (const { long, short } of burnRates) expect(durationMs(long)).toBe(12 * durationMs(short));
  });

  it('is always something that can happen', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-5, max: 1, noNaN: true }),
        fc.constantFrom(...burnRates),
        (budget, { factor }) => {
          const ratio = burnRatio(factor, budget);
          expect(ratio).toBeGreaterThan(0);
          expect(ratio).toBeLessThan(1);
        },
      ),
    );
  });
});
