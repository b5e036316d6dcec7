import { seededRng } from '@qwenfleet/core/rng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { offMax, pricesMax, Steering } from './steering.ts';

/** Decides as the policy does: the large tier where the request's price is above the cost weight. */
function ask(steering: Steering, price: number): boolean {
  const large = price > (steering.costWeight(price) ?? 0);
  steering.decided({ price, large });
  return large;
}
const shareOf = (steering: Steering, prices: Iterable<number>): number => {
  const got = Array.from(prices, (price) => ask(steering, price));
  return got.filter(Boolean).length / got.length;
};
const drawn = (count: number, draw: () => number): number[] => Array.from({ length: count }, draw);

describe('a wanted share of the large tier', () => {
  it.each([0.02, 0.2, 0.5, 0.9])('of %d is what it gets, of prompts of any worth', (share) => {
    const rng = seededRng(1);
    expect(shareOf(new Steering(share), drawn(4_000, rng))).toBeCloseTo(share, 1.7);
    expect(
      shareOf(
        new Steering(share),
        drawn(4_000, () => rng() ** 8 / 100),
      ),
    ).toBeCloseTo(share, 1.7);
  });

  it('goes to the prompts that gain most by it', () => {
    const rng = seededRng(2);
    const steering = new Steering(0.2);
    const prices = drawn(4_000, rng);
    const large = prices.filter((price) => ask(steering, price));
    const mean = large.reduce((sum, price) => sum + price, 0) / large.length;
    // The best fifth has a mean of .9, and a fifth drawn by lot one of .5.
    expect(mean).toBeGreaterThan(0.87);
  });

  it('is held, by turns, where all prompts are the same', () => {
    expect(
      shareOf(
        new Steering(0.3),
        drawn(2_000, () => 0.25),
      ),
    ).toBeCloseTo(0.3, 1);
  });

  it('is held when prompts turn harder from one moment to the next, and while a burst of hard ones lasts', () => {
    const rng = seededRng(3);
    const steering = new Steering(0.2);
    shareOf(
      steering,
      drawn(3_000, () => rng() * 0.2),
    );
    expect(
      shareOf(
        steering,
        drawn(1_000, () => 0.5 + rng() * 0.5),
      ),
    ).toBeLessThan(0.26);
    expect(
      shareOf(
        steering,
        drawn(1_000, () => rng() * 0.2),
      ),
    ).toBeGreaterThan(0.14);
  });

  it('counts what can go nowhere else, and what cannot go there', () => {
    const rng = seededRng(4);
    const some = (forced: number) => drawn(4_000, () => (rng() < 0.1 ? forced : rng()));
    expect(shareOf(new Steering(0.3), some(Infinity))).toBeCloseTo(0.3, 1.7);
    expect(shareOf(new Steering(0.3), some(-Infinity))).toBeCloseTo(0.3, 1.7);
  });

  it('that the traffic does not allow is not made up for when it does again', () => {
    const rng = seededRng(5);
    const steering = new Steering(0.2);
    expect(
      shareOf(
        steering,
        drawn(5_000, () => (rng() < 0.6 ? Infinity : rng())),
      ),
    ).toBeCloseTo(0.6, 1);
    expect(shareOf(steering, drawn(1_000, rng))).toBeGreaterThan(0.14);
    shareOf(
      steering,
      drawn(5_000, () => -Infinity),
    );
    expect(shareOf(steering, drawn(1_000, rng))).toBeLessThan(0.27);
  });

  it('learns nothing from requests that had no choice of tiers', () => {
    const steering = new Steering(0.2);
    ask(steering, 0.5);
    const before = steering.costWeight(0.4);
    for (let at = 0; at < 1_000; at += 1) steering.decided(undefined);
    expect(steering.costWeight(0.4)).toBe(before);
  });

  it('that changes is followed from there on', () => {
    const rng = seededRng(6);
    const steering = new Steering(0.1);
    shareOf(steering, drawn(2_000, rng));
    steering.want(0.6);
    expect(shareOf(steering, drawn(2_000, rng))).toBeCloseTo(0.6, 1);
  });
});

describe('any traffic at all', () => {
  const price = fc.oneof(fc.double({ min: 1e-6, max: 2, noNaN: true }), fc.constantFrom(0.1, 0.1000001, 1));
  const runs = fc.array(fc.record({ price, times: fc.integer({ min: 1, max: 400 }) }), { maxLength: 12 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  it('gets its share in every run of requests, but for 52 of them', () => {
    fc.assert(
      fc.property(share, runs, (wanted, given) => {
        const steering = new Steering(wanted);
        let [off, low, high] = [0, 0, 0];
        for (const { price: of, times } of given) {
          for (let at = 0; at < times; at += 1) {
            off += (ask(steering, of) ? 1 : 0) - wanted;
            [low, high] = [Math.min(low, off), Math.max(high, off)];
          }
        }
        expect(high - low).toBeLessThanOrEqual(offMax);
      }),
      { numRuns: 100 },
    );
  });

  it('meets the same cost weights twice, never below nothing, and remembers a bounded part', () => {
    const any = fc.array(fc.oneof(price, fc.constantFrom(Infinity, -Infinity)), { maxLength: 2 * pricesMax });
    fc.assert(
      fc.property(share, any, (wanted, prices) => {
        const weights = [new Steering(wanted), new Steering(wanted)].map((steering) =>
          prices.map((of) => {
            const weight = steering.costWeight(of);
            ask(steering, of);
            return weight;
          }),
        );
        expect(weights[0]).toEqual(weights[1]);
        expect(weights[0]!.every((weight) => weight === undefined || weight >= 0)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
