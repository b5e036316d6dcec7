import { emptyHistogram, observe, type LatencyHistogram } from '@qwenfleet/core/load/histogram';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atLeast, logChoose, logGamma } from './binomial.ts';
import { moreHits } from './fisher.ts';
import { ratioDifference, wilson } from './interval.ts';
import { quantileDifference, quantileInterval } from './quantile.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('the gamma function', () => {
  it('counts permutations', () => {
    let factorial = 1;
    for (let n = 1; n < 20; n += 1) {
      factorial *= n;
      expect(Math.abs(Math.exp(logGamma(n + 1)) / factorial - 1)).toBeLessThan(1e-12);
    }
    expect(Math.exp(logGamma(0.5)) ** 2).toBeCloseTo(Math.PI, 12);
    expect(Math.exp(logChoose(52, 5))).toBeCloseTo(2_598_960, 3);
  });
});

describe('a binomial tail', () => {
  const byHand = (successes: number, trials: number, probability: number): number =>
    sum(
      upTo(trials + 1)
        .filter((k) => k >= successes)
        .map((k) => Math.exp(logChoose(trials, k)) * probability ** k * (1 - probability) ** (trials - k)),
    );

  it('is the sum of its terms', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(60),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (trials, successes, probability) => {
          const exact = byHand(successes, trials, probability);
          expect(Math.abs(atLeast(successes, trials, probability) - exact)).toBeLessThan(1e-9);
        },
      ),
      { seed: 1 },
    );
  });

  it('is exact at a million requests too', () => {
    // Summed term by term elsewhere; the normal approximation says 0.00131.
    expect(atLeast(10_300, 1_000_000, 0.01)).toBeCloseTo(0.0013631, 6);
    expect(atLeast(9_000, 1_000_000, 0.01)).toBeCloseTo(1, 9);
  });

  it.each([
    [0, 10, 0.5, 1],
    [11, 10, 0.5, 0],
    [1, 10, 0, 0],
    [10, 10, 1, 1],
  ])('of %d in %d at %d is %d', (successes, trials, probability, expected) => {
    expect(atLeast(successes, trials, probability)).toBe(expected);
  });
});

describe("Fisher's test", () => {
  it('gives the p-value of the lady who tasted tea', () => {
    expect(moreHits({ hits: 3, of: 4 }, { hits: 1, of: 4 })).toBeCloseTo(17 / 70, 12);
    expect(moreHits({ hits: 4, of: 4 }, { hits: 0, of: 4 })).toBeCloseTo(1 / 70, 12);
  });

  it('has no opinion where one side is empty or nothing failed', () => {
    expect(moreHits({ hits: 5, of: 5 }, { hits: 0, of: 0 })).toBe(1);
    expect(moreHits({ hits: 0, of: 50 }, { hits: 0, of: 900 })).toBe(1);
  });

  it('falls as one side gets worse, and is a probability', () => {
    const counts = fc.record({ of: fc.integer({ min: 2, max: 400 }), otherOf: fc.integer({ min: 1, max: 4_000 }) });
    fc.assert(
      fc.property(counts, fc.nat(), fc.nat(), ({ of, otherOf }, seed, otherSeed) => {
        const hits = seed % of;
        const b = { hits: otherSeed % (otherOf + 1), of: otherOf };
        const [few, more] = [moreHits({ hits, of }, b), moreHits({ hits: hits + 1, of }, b)];
        expect(few).toBeGreaterThanOrEqual(more - 1e-9);
        expect(more).toBeGreaterThanOrEqual(0);
        expect(few).toBeLessThanOrEqual(1);
      }),
      { seed: 2 },
    );
  });

  it('is wrong about two that are alike no more often than it says', () => {
    const rng = seededRng(3);
    const draw = (of: number): { hits: number; of: number } => ({
      hits: upTo(of).filter(() => rng() < 0.05).length,
      of,
    });
    const alarms = upTo(2_000).filter(() => moreHits(draw(60), draw(300)) < 0.05).length;
    expect(alarms / 2_000).toBeLessThan(0.05);
  });
});

describe('an interval of a ratio', () => {
  it("is Wilson's", () => {
    const { low, high } = wilson({ hits: 15, of: 148 });
    expect([low, high].map((end) => Number(end.toFixed(4)))).toEqual([0.0624, 0.1605]);
    expect(wilson({ hits: 0, of: 0 })).toEqual({ low: 0, high: 1 });
    expect(wilson({ hits: 0, of: 20 }).low).toBe(0);
  });

  it("of a difference is Newcombe's, as in his paper", () => {
    const { low, high } = ratioDifference({ hits: 48, of: 80 }, { hits: 56, of: 70 });
    expect([low, high].map((end) => Number(end.toFixed(4)))).toEqual([0.0524, 0.3339]);
    expect(ratioDifference({ hits: 0, of: 0 }, { hits: 1, of: 2 })).toEqual({ low: -1, high: 1 });
  });

  it('covers the truth about as often as it says', () => {
    const rng = seededRng(4);
    const draw = (of: number, p: number): { hits: number; of: number } => ({
      hits: upTo(of).filter(() => rng() < p).length,
      of,
    });
    const covered = upTo(1_500).filter(() => {
      const { low, high } = ratioDifference(draw(80, 0.03), draw(200, 0.08));
      return low <= 0.05 && high >= 0.05;
    }).length;
    expect(covered / 1_500).toBeGreaterThan(0.93);
  });
});

describe('a quantile', () => {
  const meanMs = 400;
  /** Exponential, whose 95th percentile is its mean times ln 20. */
  const exponential = (rng: Rng, factor = 1): number => -Math.log(1 - rng()) * meanMs * factor;
  const truth = Math.log(20) * meanMs;
  const of = (valuesMs: readonly number[]): LatencyHistogram => {
    const histogram = emptyHistogram();
    for (const valueMs of valuesMs) observe(histogram, valueMs);
    return histogram;
  };

  it('lies in its interval about as often as that says, whatever the distribution', () => {
    const rng = seededRng(5);
    const covered = upTo(1_000).filter(() => {
      const { low, high } = quantileInterval(of(upTo(256).map(() => exponential(rng))), 0.95);
      return low <= truth && high >= truth;
    }).length;
    expect(covered / 1_000).toBeGreaterThan(0.93);
  });

  it('has no upper end with few samples, and no difference with none', () => {
    expect(quantileInterval(of([1, 2, 3]), 0.95)).toEqual({ low: 0, high: Infinity });
    expect(quantileDifference(of([]), of([1]), 0.95)).toBeUndefined();
    expect(quantileDifference(of([1, 2]), of([1, 2]), 0.95)).toEqual({ low: -Infinity, high: Infinity });
  });

  it('differs between two samples by what it really does', () => {
    const rng = seededRng(6);
    const covered = upTo(600).filter(() => {
      const a = of(upTo(256).map(() => exponential(rng)));
      const b = of(upTo(200).map(() => exponential(rng, 1.5)));
      const { low = 0, high = 0 } = quantileDifference(a, b, 0.95) ?? {};
      return low <= 0.5 * truth && high >= 0.5 * truth;
    }).length;
    expect(covered / 600).toBeGreaterThan(0.93);
  });

  it('does not differ between two of the same bucket, and does where one is half as long again', () => {
    const both = quantileDifference(of(Array(300).fill(410)), of(Array(300).fill(490)), 0.95);
    expect(both?.low).toBeLessThan(0);
    expect(both?.high).toBeGreaterThan(0);
    expect(quantileDifference(of(Array(300).fill(410)), of(Array(300).fill(610)), 0.95)?.low).toBeGreaterThan(0);
  });
});
