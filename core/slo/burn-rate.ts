import { durationMs } from '../duration.ts';

/** One pair of windows over which an error budget is judged: the short one ends the alert soon after the trouble. */
export type BurnRate = {
  /** Times as fast as what would use up the budget exactly at the end of the objective's window. */
  factor: number;
  name: 'FastBurn' | 'SteadyBurn' | 'SlowBurn' | 'Drain';
  severity: 'critical' | 'warning';
  long: RatioWindow;
  short: RatioWindow;
  for: string;
};

/** Windows over which ratios are recorded, as Prometheus writes them. */
export const ratioWindows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;
export type RatioWindow = (typeof ratioWindows)[number];

/** Google's SRE workbook, chapter 5, table 5-8. The last asks whether the budget lasts at all. */
export const burnRates: readonly BurnRate[] = [
  { factor: 14.4, name: 'FastBurn', severity: 'critical', long: '1h', short: '5m', for: '2m' },
  { factor: 6, name: 'SteadyBurn', severity: 'critical', long: '6h', short: '30m', for: '5m' },
  { factor: 3, name: 'SlowBurn', severity: 'warning', long: '1d', short: '2h', for: '15m' },
  { factor: 1, name: 'Drain', severity: 'warning', long: '3d', short: '6h', for: '30m' },
];

/** A ratio that nothing can exceed would be an alert that never comes. */
const ratioMax = 0.95;

/**
 * Share of failed requests above which the budget goes `factor` times too fast.
 * @param budget share of requests that may fail, above 0 and at most 1.
 */
export const burnRatio = (factor: number, budget: number): number =>
  Math.min(ratioMax, Number((factor * budget).toPrecision(6)));

/** Pairs whose long window fits into the objective's; the fastest always, or there would be no alert. */
export const burnRatesWithin = (windowMs: number): BurnRate[] =>
  burnRates.filter(({ long }, index) => index === 0 || durationMs(long) <= windowMs);
