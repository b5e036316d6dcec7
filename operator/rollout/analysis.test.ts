import { observe } from '@qwenfleet/core/load/histogram';
import { seededRng } from '@qwenfleet/core/rng';
import { describe, expect, it } from 'vitest';
import { compare } from './ab-result.ts';
import { judge } from './analysis.ts';
import { emptyArm, type Arm } from './arm.ts';

const limits = { maxErrorRatio: 0.01, ttftMsMax: 1_000, minRequests: 200 };
const count = (arm: Arm, { failed, ttftMs }: { failed: boolean; ttftMs: number }): void => {
  arm.requests += 1;
  if (failed) arm.errors += 1;
  observe(arm.firstByte, ttftMs);
};
const arm = (requests: number, errors = 0, slow = 0): Arm => {
  const counted = emptyArm();
  for (let at = 0; at < requests; at += 1) count(counted, { failed: at < errors, ttftMs: at < slow ? 3_000 : 200 });
  return counted;
};
const verdict = (update: Arm, stable = arm(1_000)): string => judge({ stable, update }, limits).kind;
const reason = (update: Arm, stable = arm(1_000)): string => judge({ stable, update }, limits).reason;

describe('a new revision', () => {
  it('is good after enough requests without a fault', () => {
    expect(verdict(arm(199))).toBe('insufficient');
    expect(verdict(arm(200))).toBe('good');
    expect(verdict(arm(1_000, 10))).toBe('good');
  });

  it('that plainly fails is bad long before that', () => {
    expect([verdict(arm(20, 3)), verdict(arm(20, 4))]).toEqual(['insufficient', 'bad']);
    expect(reason(arm(20, 4))).toBe('ErrorRatioTooHigh');
  });

  it('a little over the limit is neither: chance alone does that', () => {
    expect(verdict(arm(200, 4))).toBe('inconclusive');
    expect(verdict(arm(10_000, 150))).toBe('bad');
  });

  it('is not blamed for what the old one does as badly', () => {
    expect(verdict(arm(100, 40), arm(1_000, 400))).toBe('insufficient');
    expect(verdict(arm(300, 120), arm(1_000, 400))).toBe('inconclusive');
    expect(verdict(arm(300, 120), arm(1_000, 100)), 'but for what it does worse').toBe('bad');
  });

  it('whose first tokens are late is bad, and one that is as late as the old one is not', () => {
    expect(reason(arm(100, 0, 30))).toBe('TTFTTooHigh');
    expect(verdict(arm(100, 0, 30))).toBe('bad');
    expect(verdict(arm(250, 0, 75), arm(250, 0, 75))).toBe('inconclusive');
    expect(judge({ stable: arm(10), update: arm(250, 0, 200) }, { ...limits, ttftMsMax: undefined }).kind).toBe('good');
  });

  it('of which routers say nothing waits', () => {
    expect(judge(undefined, limits)).toMatchObject({ kind: 'insufficient', reason: 'InsufficientData' });
  });

  it('says in figures what is wrong', () => {
    expect(judge({ stable: arm(500, 1), update: arm(40, 10) }, limits).message).toBe(
      '25 % of 40 requests failed, 1 % may; 0.2 % with the old revision',
    );
    expect(judge({ stable: arm(500), update: arm(40, 0, 20) }, limits).message).toBe(
      '95 % of first tokens come within 3085 ms, the limit is 1000 ms; 0 % are later with the old revision',
    );
  });
});

describe('looking all the time', () => {
  /** What becomes of a revision that is looked at after every request of the update. */
  const watched = (errorRatio: number, seed: number): string => {
    const rng = seededRng(seed);
    const [stable, update] = [emptyArm(), emptyArm()];
    for (let at = 0; at < 600; at += 1) {
      for (let other = 0; other < 3; other += 1) count(stable, { failed: rng() < 0.002, ttftMs: 200 });
      count(update, { failed: rng() < errorRatio, ttftMs: 200 });
      if (judge({ stable, update }, limits).kind === 'bad') return 'bad';
    }
    return judge({ stable, update }, limits).kind;
  };
  const share = (errorRatio: number, kind: string): number =>
    Array.from({ length: 150 }, (_, seed) => watched(errorRatio, seed)).filter((found) => found === kind).length / 150;

  it('takes no revision back that is as good as the old one', () => {
    expect(share(0.002, 'bad')).toBe(0);
  });

  it('takes one back that is right at its limit in one of a hundred cases at most', () => {
    expect(share(0.01, 'bad')).toBeLessThanOrEqual(0.014);
  });

  it('finds one that fails ten times as often as it may', () => {
    expect(share(0.1, 'bad')).toBe(1);
  });
});

describe('a test of two revisions', () => {
  const withTimes = (times: readonly number[], errors = 0): Arm => {
    const counted = emptyArm();
    times.forEach((ttftMs, at) => count(counted, { failed: at < errors, ttftMs }));
    return counted;
  };
  const times = (count: number, factor: number): number[] =>
    Array.from({ length: count }, (_, at) => factor * (at + 1));

  it('says which one is better where the intervals leave no doubt', () => {
    expect(compare({ stable: arm(500, 50), update: arm(500, 5) }, 400).verdict).toBe('NewIsBetter');
    expect(compare({ stable: arm(500, 5), update: arm(500, 50) }, 400).verdict).toBe('OldIsBetter');
    expect(compare({ stable: arm(500, 5), update: arm(500, 6) }, 400).verdict).toBe('Undecided');
  });

  it('says so when one fails less and the other is faster', () => {
    const stable = withTimes(times(200, 10), 40);
    const update = withTimes(times(200, 30), 2);
    expect(compare({ stable, update }, 100).verdict).toBe('Mixed');
  });

  it('says nothing before both have seen enough', () => {
    expect(compare({ stable: arm(5_000, 900), update: arm(399) }, 400).verdict).toBe('TooFewRequests');
  });

  it('gives results and intervals in figures', () => {
    const {
      old,
      new: fresh,
      errorRatioDifference,
      ttftMsP95Difference,
    } = compare({ stable: withTimes(times(200, 10), 4), update: withTimes(times(200, 20), 8) }, 100);
    expect(old).toMatchObject({ requests: 200, errors: 4, errorRatio: 0.02 });
    expect(fresh).toMatchObject({ requests: 200, errors: 8, errorRatio: 0.04 });
    expect(old.ttftMsP95).toBeCloseTo(1_900, -2);
    expect(fresh.ttftMsP95).toBeCloseTo(3_800, -2);
    expect(errorRatioDifference.low).toBeLessThan(0.02);
    expect(errorRatioDifference.high).toBeGreaterThan(0.02);
    expect(ttftMsP95Difference?.low).toBeGreaterThan(1_000);
    expect(ttftMsP95Difference?.high).toBeLessThan(2_500);
    expect(compare({ stable: arm(0), update: arm(0) }, 1)).toMatchObject({ ttftMsP95Difference: undefined });
  });
});
