import { quantileMs } from '@qwenfleet/core/load/histogram';
import type { Arm } from './arm.ts';
import { ratioDifference, type Interval } from './statistics/interval.ts';
import { quantileDifference } from './statistics/quantile.ts';
import type { Arms } from './types.ts';

export type AbVerdict = 'TooFewRequests' | 'Undecided' | 'NewIsBetter' | 'OldIsBetter' | 'Mixed';
export type ArmResult = { requests: number; errors: number; errorRatio: number; ttftMsP95: number | undefined };

/** How two revisions compare: what each did, and intervals of the differences, new minus old. */
export type AbResult = {
  old: ArmResult;
  new: ArmResult;
  errorRatioDifference: Interval;
  /** Undefined while one of them has no first token. */
  ttftMsP95Difference: Interval | undefined;
  verdict: AbVerdict;
};

const share = 0.95;

/** Compares at 95 %: Newcombe's interval for errors, order statistics for the 95th percentile of the first token. */
export function compare({ stable, update }: Arms, minRequests: number): AbResult {
  const errorRatioDifference = ratioDifference(
    { hits: stable.errors, of: stable.requests },
    { hits: update.errors, of: update.requests },
  );
  const ttftMsP95Difference = quantileDifference(stable.firstByte, update.firstByte, share);
  const enough = Math.min(stable.requests, update.requests) >= minRequests;
  return {
    old: resultOf(stable),
    new: resultOf(update),
    errorRatioDifference,
    ttftMsP95Difference,
    verdict: enough ? verdictOf([errorRatioDifference, ttftMsP95Difference]) : 'TooFewRequests',
  };
}

const resultOf = ({ requests, errors, firstByte }: Arm): ArmResult => ({
  requests,
  errors,
  errorRatio: requests === 0 ? 0 : errors / requests,
  ttftMsP95: quantileMs(firstByte, share),
});

/** Less is better in every difference; an interval with 0 in it leaves doubt. */
function verdictOf(differences: readonly (Interval | undefined)[]): AbVerdict {
  const better = differences.some((interval) => interval !== undefined && interval.high < 0);
  const worse = differences.some((interval) => interval !== undefined && interval.low > 0);
  if (better && worse) return 'Mixed';
  if (better) return 'NewIsBetter';
  return worse ? 'OldIsBetter' : 'Undecided';
}
