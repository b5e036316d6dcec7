import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PoolView } from '../policy.ts';
import { best, confidenceOf, middle, worth, type Candidate } from './choose.ts';

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
