import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slowReplicas, type Beginning } from './slow-replicas.ts';

const begins = (firstByteMs: number, paceMs = firstByteMs): Beginning => ({ firstByteMs, paceMs });

describe('a replica is slow', () => {
  it('when it takes many times as long as the others', () => {
    expect(slowReplicas([begins(200), begins(2_000), begins(220), begins(180), begins(210)])).toEqual([1]);
  });

  it.each<[string, (Beginning | undefined)[]]>([
    ['nobody would notice', [begins(10), begins(900), begins(12)]],
    ['it is alone', [begins(9_000)]],
    ['nothing is known of the others', [begins(9_000), undefined, undefined]],
    ['all are', [begins(9_000), begins(8_000), begins(10_000)]],
    ['its prompts are longer', [begins(200), begins(5_000, 250), begins(210)]],
    ['nothing is known at all', [undefined, undefined]],
    ['there is nobody', []],
  ])('but not when %s', (_why, beginnings) => {
    expect(slowReplicas(beginnings)).toEqual([]);
  });

  it('for no more than a third of them, or one of few, and none that is no slower than another who is not', () => {
    const beginning = fc.option(fc.record({ firstByteMs: fc.nat(20_000), paceMs: fc.nat(20_000) }), { nil: undefined });
    fc.assert(
      fc.property(fc.array(beginning, { maxLength: 16 }), (beginnings) => {
        const slow = slowReplicas(beginnings);
        expect(slow.length).toBeLessThanOrEqual(Math.max(1, Math.floor(beginnings.length / 3)));
        expect(new Set(slow).size).toBe(slow.length);
        for (const at of slow) expect(beginnings[at]?.firstByteMs).toBeGreaterThanOrEqual(1_000);
        const least = Math.min(...slow.map((at) => beginnings[at]!.paceMs));
        const rest = beginnings.flatMap((each, at) =>
          each && !slow.includes(at) && each.firstByteMs >= 1_000 ? [each.paceMs] : [],
        );
        for (const paceMs of rest) expect(paceMs).toBeLessThanOrEqual(least);
      }),
    );
  });
});
