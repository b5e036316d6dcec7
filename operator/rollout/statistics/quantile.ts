import { bucketAt, countOf, quantileMs, type LatencyHistogram } from '@qwenfleet/core/load/histogram';
import { differenceOf, z95, type Interval } from './interval.ts';

/**
 * Interval of a quantile in milliseconds by order statistics: ranks that the quantile lies between, whatever the
 * distribution, each as wide as its bucket. Its high end is Infinity while there are too few for a rank above.
 */
export function quantileInterval(histogram: LatencyHistogram, share: number, z = z95): Interval {
  const count = countOf(histogram);
  const expected = count * share;
  const spread = z * Math.sqrt(count * share * (1 - share));
  const low = Math.floor(expected - spread);
  return {
    low: low < 1 ? 0 : (bucketAt(histogram, low)?.lowMs ?? 0),
    high: bucketAt(histogram, Math.ceil(expected + spread) + 1)?.highMs ?? Infinity,
  };
}

/** Interval of the difference b - a of a quantile of two histograms; undefined when one of them is empty. */
export function quantileDifference(
  a: LatencyHistogram,
  b: LatencyHistogram,
  share: number,
  z = z95,
): Interval | undefined {
  const values = { a: quantileMs(a, share), b: quantileMs(b, share) };
  if (values.a === undefined || values.b === undefined) return undefined;
  return differenceOf(
    { value: values.a, ...quantileInterval(a, share, z) },
    { value: values.b, ...quantileInterval(b, share, z) },
  );
}
