/** Most buckets that a window keeps, whatever its span and however often it is fed. */
export const bucketsMax = 60;

export type Bucket = { index: number; sum: number; count: number; max: number };

/** Samples of the last span of time, kept as a bounded number of buckets. Plain data: it survives a restart as JSON. */
export type Window = {
  spanMs: number;
  bucketMs: number;
  /** Where bucket 0 begins; only a window that was read back from a status has another than 0. */
  originMs: number;
  /** Oldest first. */
  buckets: readonly Bucket[];
};

/** An empty window. A span of 0 remembers nothing but the present bucket. */
export const emptyWindow = (spanMs: number): Window => ({
  spanMs,
  bucketMs: Math.max(1, Math.ceil(spanMs / bucketsMax)),
  originMs: 0,
  buckets: [],
});

/** The window with one more sample, and without what is too old. Time never runs backwards in it. */
export function record(window: Window, sample: number, nowMs: number): Window {
  // Thousandths are what a status keeps; more would make a restart visible.
  const value = Math.round(sample * 1000) / 1000;
  const index = Math.floor((nowMs - window.originMs) / window.bucketMs);
  const kept = recent(window, nowMs);
  const last = kept.at(-1);
  if (last && last.index >= index) {
    const { sum, count, max } = last;
    const grown = { index: last.index, sum: sum + value, count: count + 1, max: Math.max(max, value) };
    return { ...window, buckets: [...kept.slice(0, -1), grown] };
  }
  return { ...window, buckets: [...kept, { index, sum: value, count: 1, max: value }] };
}

/** Mean of the buckets' means, so that a burst of samples weighs no more than a quiet moment; undefined when empty. */
export function average(window: Window, nowMs: number): number | undefined {
  const kept = recent(window, nowMs);
  if (kept.length === 0) return undefined;
  let total = 0;
  for (const { sum, count } of kept) total += sum / count;
  return total / kept.length;
}

/** The largest sample; undefined when empty. */
export function maximum(window: Window, nowMs: number): number | undefined {
  const kept = recent(window, nowMs);
  if (kept.length === 0) return undefined;
  let largest = -Infinity;
  for (const { max } of kept) largest = Math.max(largest, max);
  return largest;
}

/** How far back the samples reach, in milliseconds: what an average is worth. 0 when empty. */
export function reachMs(window: Window, nowMs: number): number {
  const oldest = recent(window, nowMs)[0];
  return oldest === undefined ? 0 : nowMs - window.originMs - oldest.index * window.bucketMs;
}

/** The same samples under another span, for when the spec changed. */
export const resized = (window: Window, spanMs: number): Window =>
  window.spanMs === spanMs ? window : emptyWindow(spanMs);

function recent({ buckets, bucketMs, spanMs, originMs }: Window, nowMs: number): readonly Bucket[] {
  const sinceMs = nowMs - originMs;
  // The present bucket counts even in a window without a span.
  const oldest = Math.min(Math.floor((sinceMs - spanMs) / bucketMs), Math.floor(sinceMs / bucketMs) - 1);
  let from = Math.max(0, buckets.length - bucketsMax);
  while (from < buckets.length && (buckets[from]?.index ?? 0) <= oldest) from += 1;
  return from === 0 ? buckets : buckets.slice(from);
}
