const hourMs = 3_600_000;

/** One pair of windows over which an error budget is judged: the short one ends the alert soon after the trouble. */
export type BurnRate = {
  name: 'Fast' | 'Slow';
  severity: 'critical' | 'warning';
  long: string;
  short: string;
  for: string;
  /** Share of failed requests above which the budget goes too fast. */
  ratio: number;
};

/** A ratio that nothing can exceed would be an alert that never comes. */
const ratioMax = 0.95;

/**
 * Multi-window burn rates as in Google's SRE workbook, chapter 5: two percent of the budget in an hour, or five percent
 * in six. For a window of 30 days these are its factors of 14.4 and 6.
 */
export function burnRates(availabilityPercent: number, windowMs: number): BurnRate[] {
  const budget = 1 - availabilityPercent / 100;
  const ratio = (share: number, hours: number): number =>
    Math.min(ratioMax, Number(((share * windowMs * budget) / (hours * hourMs)).toPrecision(6)));
  return [
    { name: 'Fast', severity: 'critical', long: '1h', short: '5m', for: '2m', ratio: ratio(0.02, 1) },
    { name: 'Slow', severity: 'warning', long: '6h', short: '30m', for: '15m', ratio: ratio(0.05, 6) },
  ];
}
