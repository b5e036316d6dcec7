import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRng } from '../rng.ts';
import { armSchema, countAnswer, emptyArm, mergeArms, ttftSamplesMax, type Arm } from './arm.ts';

const armOf = (times: readonly number[], seed = 1): Arm => {
  const arm = emptyArm();
  const rng = seededRng(seed);
  for (const ttftMs of times) countAnswer(arm, { failed: false, ttftMs }, rng);
  return arm;
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the results of one revision', () => {
  it('count answers, errors and first tokens', () => {
    const arm = emptyArm();
    countAnswer(arm, { failed: false, ttftMs: 120 }, () => 0);
    countAnswer(arm, { failed: true, ttftMs: undefined }, () => 0);
    countAnswer(arm, { failed: true, ttftMs: 80 }, () => 0);
    expect(arm).toEqual({ requests: 3, errors: 2, firstTokens: 2, ttftMs: [120, 80] });
  });

  it('keep a bounded sample that favours neither the first requests nor the last', () => {
    const means = Array.from({ length: 40 }, (_, seed) => {
      const arm = armOf(upTo(5_000), seed);
      expect(arm.ttftMs).toHaveLength(ttftSamplesMax);
      return mean(arm.ttftMs);
    });
    // The standard error of the mean of 40 samples of 256 out of 0 to 4999 is 14.
    expect(Math.abs(mean(means) - 2_499.5)).toBeLessThan(70);
  });

  it('of several routers are one result, whose sample is as large as each saw', () => {
    const busy = armOf(Array.from({ length: 3_000 }, () => 100));
    const quiet = armOf(Array.from({ length: 1_000 }, () => 900));
    const merged = mergeArms([busy, quiet]);
    expect(merged).toMatchObject({ requests: 4_000, firstTokens: 4_000 });
    expect(merged.ttftMs.filter((time) => time === 900)).toHaveLength(ttftSamplesMax / 4);
    expect(mergeArms([armOf([1, 2]), armOf([3])]).ttftMs).toEqual([1, 2, 3]);
    expect(mergeArms([])).toEqual(emptyArm());
  });

  it('always fit their schema', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(10_000), { maxLength: 400 }), { maxLength: 4 }), (routers) => {
        armSchema.parse(mergeArms(routers.map((times) => armOf(times))));
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});
