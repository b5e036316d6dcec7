import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rollingSizes, type Side } from './rolling.ts';

const none: Side = { wanted: 0, existing: 0, ready: 0 };
const all = (count: number): Side => ({ wanted: count, existing: count, ready: count });

describe('a pool whose spec changed', () => {
  it('has its size at once when there is nothing old', () => {
    expect(rollingSizes({ desired: 3, next: none, previous: none, maxSurge: 0, maxUnavailable: 1 })).toEqual({
      next: 3,
      previous: 0,
    });
  });

  it('drains first where nothing is spare: the old one ends before the new one starts', () => {
    const rules = { desired: 1, maxSurge: 0, maxUnavailable: 1 };
    expect(rollingSizes({ ...rules, next: none, previous: all(1) })).toEqual({ next: 0, previous: 0 });
    const ending: Side = { wanted: 0, existing: 1, ready: 0 };
    expect(rollingSizes({ ...rules, next: none, previous: ending })).toEqual({ next: 0, previous: 0 });
    expect(rollingSizes({ ...rules, next: none, previous: none })).toEqual({ next: 1, previous: 0 });
  });

  it('starts the new one beside the old where a surge is allowed', () => {
    const rules = { desired: 1, maxSurge: 1, maxUnavailable: 0 };
    expect(rollingSizes({ ...rules, next: none, previous: all(1) })).toEqual({ next: 1, previous: 1 });
    expect(rollingSizes({ ...rules, next: { wanted: 1, existing: 1, ready: 0 }, previous: all(1) })).toEqual({
      next: 1,
      previous: 1,
    });
    expect(rollingSizes({ ...rules, next: all(1), previous: all(1) })).toEqual({ next: 1, previous: 0 });
  });

  /** Plays a rollout whose pods start and end one at a time, in an order that the seed decides. */
  it('never has too many, never answers with too few, and always comes to its end', () => {
    const numbers = fc.record({
      desired: fc.integer({ min: 0, max: 8 }),
      maxSurge: fc.integer({ min: 0, max: 3 }),
      maxUnavailable: fc.integer({ min: 0, max: 3 }),
      order: fc.infiniteStream(fc.nat({ max: 3 })),
    });
    fc.assert(
      fc.property(numbers, ({ desired, maxSurge, maxUnavailable, order }) => {
        const gap = maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable;
        let next = none;
        let previous = all(desired);
        for (let step = 0; step < 200; step += 1) {
          const sizes = rollingSizes({ desired, next, previous, maxSurge, maxUnavailable });
          next = { ...next, wanted: sizes.next };
          previous = { ...previous, wanted: sizes.previous };
          // Pods that are told to go stop answering; they exist until a later step.
          previous = { ...previous, ready: Math.min(previous.ready, previous.wanted) };
          expect(next.ready + previous.ready).toBeGreaterThanOrEqual(Math.max(0, desired - gap));
          const event = order.next().value ?? 0;
          if (event === 0 && next.existing < next.wanted) next = { ...next, existing: next.existing + 1 };
          if (event === 1 && next.ready < next.existing) next = { ...next, ready: next.ready + 1 };
          if (event >= 2 && previous.existing > previous.wanted)
            previous = { ...previous, existing: previous.existing - 1 };
          expect(next.existing + previous.existing).toBeLessThanOrEqual(desired + maxSurge);
        }
        expect({ next, previous }).toEqual({ next: all(desired), previous: none });
      }),
    );
  });
});
