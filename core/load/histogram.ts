import { z } from 'zod';

/** Preferred numbers of a decade, R10 of ISO 3: each is about a quarter above the one before. */
const decade = [10, 12.5, 16, 20, 25, 31.5, 40, 50, 63, 80] as const;

/**
 * Upper bounds in milliseconds, from 10 ms to 80 s; the last bucket has none. Fixed, so that any two histograms can be
 * added, and close enough for a 95th percentile to be compared with a limit.
 */
export const latencyBoundsMs: readonly number[] = [1, 10, 100, 1_000].flatMap((scale) =>
  decade.map((valueMs) => valueMs * scale),
);

/** Counts per bucket, not cumulative: `counts[i]` are those up to `latencyBoundsMs[i]`, the last one the rest. */
export const latencyHistogramSchema = z.strictObject({
  counts: z.array(z.int().nonnegative()).length(latencyBoundsMs.length + 1),
  sumMs: z.number().nonnegative(),
});
export type LatencyHistogram = z.infer<typeof latencyHistogramSchema>;

export const emptyHistogram = (): LatencyHistogram => ({
  counts: Array.from({ length: latencyBoundsMs.length + 1 }, () => 0),
  sumMs: 0,
});

/** Adds one measurement in place. */
export function observe(histogram: LatencyHistogram, valueMs: number): void {
  const found = latencyBoundsMs.findIndex((boundMs) => valueMs <= boundMs);
  const bucket = found === -1 ? latencyBoundsMs.length : found;
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
  histogram.sumMs += valueMs;
}

export const countOf = ({ counts }: LatencyHistogram): number => counts.reduce((sum, count) => sum + count, 0);

/** Both together: several routers' reports of one pool. */
export const added = (a: LatencyHistogram, b: LatencyHistogram): LatencyHistogram => ({
  counts: a.counts.map((count, at) => count + (b.counts[at] ?? 0)),
  sumMs: a.sumMs + b.sumMs,
});

/** What came between two reports of one process. A process that started again in between has only the later one. */
export function since(later: LatencyHistogram, earlier: LatencyHistogram): LatencyHistogram {
  const counts = later.counts.map((count, at) => count - (earlier.counts[at] ?? 0));
  return counts.some((count) => count < 0) ? later : { counts, sumMs: Math.max(0, later.sumMs - earlier.sumMs) };
}

/** The bucket of a rank, the first being 1; undefined where there are not so many. Its high end may be Infinity. */
export function bucketAt({ counts }: LatencyHistogram, rank: number): Bucket | undefined {
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      return { lowMs: latencyBoundsMs[at - 1] ?? 0, highMs: latencyBoundsMs[at] ?? Infinity, below, count };
    }
    below += count;
  }
  return undefined;
}
export type Bucket = {
  lowMs: number;
  highMs: number;
  /** Measurements before it, and in it. */ below: number;
  count: number;
};

/**
 * Estimate of a quantile, by linear interpolation inside its bucket; undefined when nothing was measured. Off by at most
 * the width of that bucket, about a quarter.
 * @example quantileMs(report.firstByte, 0.95)
 */
export function quantileMs(histogram: LatencyHistogram, quantile: number): number | undefined {
  const rank = quantile * countOf(histogram);
  const bucket = bucketAt(histogram, rank);
  if (!bucket) return undefined;
  const { lowMs, highMs, below, count } = bucket;
  // Beyond the last bound only the bound itself is known.
  if (highMs === Infinity) return lowMs;
  return lowMs + (highMs - lowMs) * Math.max(0, (rank - below) / count);
}

/** How many took longer than the limit for certain: what shares a bucket with the limit is given the benefit of it. */
export const countAbove = ({ counts }: LatencyHistogram, limitMs: number): number =>
  counts.reduce((sum, count, at) => ((latencyBoundsMs[at - 1] ?? 0) >= limitMs ? sum + count : sum), 0);
