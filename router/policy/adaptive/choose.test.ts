import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PoolView } from '../policy.ts';
import { best, confidenceOf, largePrice, middle, worth, type Candidate } from './choose.ts';

const pool = (name: string, view: Partial<PoolView> = {}): PoolView => ({
  name,
  tier: 'small',
  task: 'generate',
  contextLength: 4_096,
  capabilities: { tools: true, json: true, vision: false },
  costPerToken: 0.5,
  ready: 1,
  starting: 0,
  waitMs: 0,
  pressure: 0,
  available: true,
  ...view,
});
const candidate = (name: string, p: number, view: Partial<PoolView> = {}): Candidate => ({ pool: pool(name, view), p });
const objective = { costWeight: 0.5, waitWeight: 0.01 };

describe('what a pool is worth', () => {
  it('is its chance, less its cost, less the wait', () => {
    const worthOf = worth(candidate('a', 0.9, { costPerToken: 0.4, waitMs: 5_000 }), objective);
    expect(worthOf).toBeCloseTo(0.9 - 0.5 * 0.4 - 0.01 * 5, 10);
  });
});

describe('what a pool is worth whose queue fills', () => {
  it('falls from a quarter of its patience on, to nothing before it turns anybody away', () => {
    const at = (pressure: number): number => worth(candidate('a', 0.8, { costPerToken: 0, pressure }), objective);
    expect([0, 0.25, 0.5, 0.75, 3].map(at)).toEqual([0.8, 0.8, 0.4, 0, 0]);
  });
});

describe('the price of the large tier', () => {
  const small = candidate('small', 0.5, { costPerToken: 0.1 });
  const medium = candidate('medium', 0.6, { tier: 'medium', costPerToken: 0.3 });
  const large = candidate('large', 0.9, { tier: 'large', costPerToken: 1 });

  it('is the cost weight at which another pool is worth as much', () => {
    const price = largePrice([small, medium, large]);
    expect(price).toBeCloseTo(0.3 / 0.7, 10);
    expect(best([small, medium, large], { costWeight: price - 1e-6, waitWeight: 0 })).toBe(large);
    expect(best([small, medium, large], { costWeight: price + 1e-6, waitWeight: 0 })).toBe(medium);
  });

  it('is endless where nothing else can answer, or nothing else is cheaper or better', () => {
    expect(largePrice([large])).toBe(Infinity);
    expect(largePrice([large, candidate('small', 0.5, { costPerToken: 1 })])).toBe(Infinity);
  });

  it('is less than nothing where the tier cannot', () => {
    expect(largePrice([small])).toBe(-Infinity);
    expect(largePrice([large, candidate('small', 0.95, { costPerToken: 1 })])).toBe(-Infinity);
  });

  it('is where the choice changes, whatever the pools', () => {
    const any = fc.array(
      fc.record({
        tier: fc.constantFrom('small' as const, 'medium' as const, 'large' as const),
        p: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    const costs = { small: 0.1, medium: 0.3, large: 1 };
    fc.assert(
      fc.property(any, fc.double({ min: 0, max: 2, noNaN: true }), (given, costWeight) => {
        const candidates = given.map(({ tier, p }, at) => candidate(`${at}`, p, { tier, costPerToken: costs[tier] }));
        const price = largePrice(candidates);
        fc.pre(Math.abs(price - costWeight) > 1e-9);
        const chosen = best(candidates, { costWeight, waitWeight: 0 });
        expect(chosen?.pool.tier === 'large').toBe(costWeight < price);
      }),
    );
  });
});

describe('the best pool', () => {
  it('is the one that is worth most', () => {
    const small = candidate('small', 0.6, { costPerToken: 0.1 });
    const large = candidate('large', 0.9, { costPerToken: 1 });
    expect(best([small, large], objective)).toBe(small);
    expect(best([small, large], { ...objective, costWeight: 0.1 })).toBe(large);
  });

  it('of equals is the cheaper, then the first by name', () => {
    const [b, a, dear] = [candidate('b', 0.5), candidate('a', 0.5), candidate('0', 0.5, { costPerToken: 0.6 })];
    expect(best([b, dear, a], { costWeight: 0, waitWeight: 0 })).toBe(a);
  });

  it('is nobody of nobody', () => {
    expect(best([], objective)).toBeUndefined();
  });

  it('does not depend on the order, and nobody is worth more', () => {
    const any = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1 }),
        p: fc.double({ min: 0, max: 1, noNaN: true }),
        cost: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { selector: ({ name }) => name, minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(any, (given) => {
        const candidates = given.map(({ name, p, cost }) => candidate(name, p, { costPerToken: cost }));
        const chosen = best(candidates, objective);
        expect(best(candidates.toReversed(), objective)).toBe(chosen);
        for (const other of candidates)
          expect(worth(chosen!, objective)).toBeGreaterThanOrEqual(worth(other, objective));
      }),
    );
  });
});

describe('the middle', () => {
  const [small, medium, large] = (['small', 'medium', 'large'] as const).map((tier) => candidate(tier, 0.5, { tier }));

  it('is the medium tier', () => {
    expect(middle([small!, medium!, large!], objective)).toBe(medium);
  });

  it('is the larger of two, since nothing says that the smaller is enough', () => {
    expect(middle([small!, large!], objective)).toBe(large);
    expect(middle([small!], objective)).toBe(small);
  });

  it('is the best of its tier', () => {
    const idle = candidate('idle', 0.5, { tier: 'medium' });
    const busy = candidate('busy', 0.5, { tier: 'medium', waitMs: 60_000 });
    expect(middle([small!, busy, idle], objective)).toBe(idle);
  });

  it('is elsewhere while its queue is about to overflow, and where it was when every queue is', () => {
    const [full, fuller] = [candidate('full', 0.5, { tier: 'medium', pressure: 0.9 }), { ...small! }];
    expect(middle([small!, full], objective)).toBe(small);
    fuller.pool = { ...fuller.pool, pressure: 1 };
    expect(middle([fuller, full], objective)).toBe(full);
  });
});

describe('confidence', () => {
  it('is nothing for a tie, whole from a clear distance on, and whole without a choice', () => {
    const chosen = candidate('a', 0.9);
    expect(confidenceOf(chosen, [candidate('b', 0.9)], objective)).toBe(0);
    expect(confidenceOf(chosen, [candidate('b', 0.8)], objective)).toBeCloseTo(0.5, 10);
    expect(confidenceOf(chosen, [candidate('b', 0.1)], objective)).toBe(1);
    expect(confidenceOf(chosen, [], objective)).toBe(1);
  });
});
