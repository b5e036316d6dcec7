import { differenceOf, z95, type Interval } from './interval.ts';

/** The sample at the quantile: the smallest that this share of all is at or below. Undefined without samples. */
export function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/**
 * Interval of a quantile by order statistics: ranks that the quantile lies between, whatever the distribution. Its high
 * end is Infinity while there are too few samples for a rank above.
 */
export function quantileInterval(sorted: readonly number[], share: number, z = z95): Interval {
  const expected = sorted.length * share;
  const spread = z * Math.sqrt(sorted.length * share * (1 - share));
  const low = sorted[Math.floor(expected - spread) - 1] ?? 0;
  const high = sorted[Math.ceil(expected + spread)] ?? Infinity;
  return { low, high };
}

/** Interval of the difference b - a of a quantile of two samples; undefined when one of them has none. */
export function quantileDifference(
  a: readonly number[],
  b: readonly number[],
  share: number,
  z = z95,
): Interval | undefined {
  const values = { a: quantile(a, share), b: quantile(b, share) };
  if (values.a === undefined || values.b === undefined) return undefined;
  return differenceOf(
    { value: values.a, ...quantileInterval(a, share, z) },
    { value: values.b, ...quantileInterval(b, share, z) },
  );
}

export const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);
