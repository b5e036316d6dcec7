import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitsOf, readyOf, shift } from './shift.ts';
import { plainSpec } from './harness/pool.ts';
import { split } from './split.ts';
import type { RevisionView } from './types.ts';

const view = (revision: string, replicas: number, ready = replicas): RevisionView => ({
  revision,
  replicas,
  ready,
  weight: 0,
});
const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

describe('one move of replicas', () => {
  it('without surge takes an old replica before it adds a new one', () => {
    const bounds = { cap: 3, floor: 2 };
    expect(shift([view('a', 3)], { a: 2, b: 1 }, bounds)).toEqual({ a: 2, b: 0 });
    expect(shift([view('a', 2), view('b', 0)], { a: 2, b: 1 }, bounds)).toEqual({ a: 2, b: 1 });
  });

  it('with surge adds first, and takes only what is replaced', () => {
    const bounds = { cap: 4, floor: 3 };
    expect(shift([view('a', 3)], { a: 2, b: 1 }, bounds)).toEqual({ a: 3, b: 1 });
    expect(shift([view('a', 3), view('b', 1, 0)], { a: 2, b: 1 }, bounds)).toEqual({ a: 3, b: 1 });
    expect(shift([view('a', 3), view('b', 1, 1)], { a: 2, b: 1 }, bounds)).toEqual({ a: 2, b: 1 });
  });

  it('takes what does not answer first, and for free', () => {
    expect(shift([view('a', 5, 2)], { a: 2 }, { cap: 2, floor: 2 })).toEqual({ a: 2 });
  });

  it('takes revisions without a goal before it touches the others', () => {
    const views = [view('a', 3), view('b', 2)];
    expect(shift(views, { a: 2, c: 2 }, { cap: 5, floor: 3 })).toEqual({ a: 3, b: 0, c: 0 });
  });

  it('counts no replica as ready that its workload is about to lose', () => {
    expect(readyOf(view('a', 2, 3))).toBe(2);
    expect(shift([view('a', 2, 3), view('b', 1, 0)], { a: 1, b: 1 }, { cap: 3, floor: 2 })).toEqual({ a: 2, b: 1 });
  });
});

describe('any move of replicas', () => {
  const views = fc
    .array(fc.record({ replicas: fc.nat(8), unready: fc.nat(8) }), { minLength: 1, maxLength: 4 })
    .map((all) => all.map(({ replicas, unready }, at) => view(`r${at}`, replicas, Math.max(0, replicas - unready))));
  const goals = fc.dictionary(fc.constantFrom('r0', 'r1', 'r2', 'new'), fc.nat(8));
  const bounds = fc.record({ cap: fc.nat(12), floor: fc.integer({ min: -2, max: 10 }) });
  const settings = { seed: 7, numRuns: 500 };

  it('grows no further than the cap, even when nothing of it shrinks', () => {
    fc.assert(
      fc.property(views, goals, bounds, (before, goal, limits) => {
        const after = shift(before, goal, limits);
        const had = new Map(before.map(({ revision, replicas }) => [revision, replicas]));
        const grownOnly = Object.entries(after).map(([revision, count]) => Math.max(count, had.get(revision) ?? 0));
        const largest = grownOnly.reduce((sum, count) => sum + count, 0);
        expect(largest).toBeLessThanOrEqual(Math.max(limits.cap, total(Object.fromEntries(had))));
      }),
      settings,
    );
  });

  it('leaves as many ready replicas as the floor asks for, or all there are', () => {
    fc.assert(
      fc.property(views, goals, bounds, (before, goal, limits) => {
        const after = shift(before, goal, limits);
        const ready = before.reduce((sum, one) => sum + readyOf(one), 0);
        const left = before.reduce((sum, one) => sum + Math.min(readyOf(one), after[one.revision] ?? 0), 0);
        expect(left).toBeGreaterThanOrEqual(Math.min(ready, limits.floor));
      }),
      settings,
    );
  });

  it('ends at the goal when everything that is added answers', () => {
    fc.assert(
      fc.property(views, fc.nat(6), fc.integer({ min: 1, max: 3 }), fc.boolean(), (before, wanted, margin, surges) => {
        const limits = { cap: wanted + (surges ? margin : 0), floor: wanted - (surges ? 0 : margin) };
        let now = before;
        for (let turn = 0; turn < 60; turn += 1) {
          now = Object.entries(shift(now, { new: wanted }, limits)).map(([revision, count]) => view(revision, count));
        }
        expect(Object.fromEntries(now.map(({ revision, replicas }) => [revision, replicas]))).toEqual({
          ...Object.fromEntries(before.map(({ revision }) => [revision, 0])),
          new: wanted,
        });
      }),
      settings,
    );
  });
});

describe('limits', () => {
  it('are those of the spec, until no accelerator is spare', () => {
    const spec = { ...plainSpec, maxSurge: 2, maxUnavailable: 0 };
    expect(limitsOf(spec, undefined)).toEqual({ surge: 2, unavailable: 0 });
    expect(limitsOf(spec, { reach: 3, atMs: 0 })).toEqual({ surge: 0, unavailable: 1 });
  });
});

describe('replicas of two revisions that share the traffic', () => {
  it.each([
    [4, 5, 0, { stable: 3, update: 1 }],
    [4, 5, 1, { stable: 4, update: 1 }],
    [10, 25, 0, { stable: 7, update: 3 }],
    [10, 25, 1, { stable: 8, update: 3 }],
    [2, 50, 0, { stable: 1, update: 1 }],
    [1, 5, 1, { stable: 1, update: 1 }],
    [4, 100, 0, { stable: 0, update: 4 }],
    [1, 5, 0, undefined],
    [0, 50, 2, undefined],
  ])('of %d at %d %% with a surge of %d', (desired, weight, surge, expected) => {
    expect(split(desired, weight, { surge, unavailable: 1 })).toEqual(expected);
  });

  it('are at least one each and within the cap, whatever the weight', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 99 }),
        fc.nat(3),
        (desired, weight, surge) => {
          const both = split(desired, weight, { surge, unavailable: 1 });
          if (!both) return desired + surge < 2;
          return both.stable >= 1 && both.update >= 1 && both.stable + both.update <= desired + surge;
        },
      ),
      { seed: 8 },
    );
  });
});
