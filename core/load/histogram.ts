import { z } from 'zod';

/** Upper bounds in milliseconds, doubling; the last bucket has none. Fixed, so that any two histograms can be added. */
export const latencyBoundsMs = [25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200] as const;

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

/**
 * Estimate of a quantile, by linear interpolation inside its bucket; undefined when nothing was measured. Off by at most
 * the width of that bucket, a factor of two.
 * @example quantileMs(report.firstByte, 0.95)
 */
export function quantileMs(histogram: LatencyHistogram, quantile: number): number | undefined {
  const total = countOf(histogram);
  if (total === 0) return undefined;
  const rank = quantile * total;
  let below = 0;
  for (const [at, count] of histogram.counts.entries()) {
    const lowMs = at === 0 ? 0 : (latencyBoundsMs[at - 1] ?? 0);
    if (count > 0 && below + count >= rank) {
      // Beyond the last bound only the bound itself is known.
      const highMs = latencyBoundsMs[at] ?? lowMs;
      return lowMs + (highMs - lowMs) * Math.max(0, (rank - below) / count);
    }
    below += count;
  }
  return latencyBoundsMs.at(-1);
}
