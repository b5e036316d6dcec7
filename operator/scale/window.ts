/** Most buckets that a window keeps, whatever its span and however often it is fed. */
export const bucketsMax = 60;

type Bucket = { index: number; sum: number; count: number; max: number };

/** Samples of the last span of time, kept as a bounded number of buckets. Plain data: it survives a restart as JSON. */
export type Window = { spanMs: number; bucketMs: number; buckets: readonly Bucket[] };

/** An empty window. A span of 0 remembers nothing but the present bucket. */
export const emptyWindow = (spanMs: number): Window => ({
  spanMs,
  bucketMs: Math.max(1, Math.ceil(spanMs / bucketsMax)),
  buckets: [],
});

/** The window with one more sample, and without what is too old. Time never runs backwards in it. */
export function record(window: Window, value: number, nowMs: number): Window {
  const index = Math.floor(nowMs / window.bucketMs);
  const kept = recent(window, nowMs);
  const last = kept.at(-1);
  if (last && last.index >= index) {
    const grown = { ...last, sum: last.sum + value, count: last.count + 1, max: Math.max(last.max, value) };
    return { ...window, buckets: [...kept.slice(0, -1), grown] };
  }
  return { ...window, buckets: [...kept, { index, sum: value, count: 1, max: value }] };
}

/** Mean of the buckets' means, so that a burst of samples weighs no more than a quiet moment; undefined when empty. */
export function average(window: Window, nowMs: number): number | undefined {
  const kept = recent(window, nowMs);
  if (kept.length === 0) return undefined;
  return kept.reduce((total, { sum, count }) => total + sum / count, 0) / kept.length;
}

/** The largest sample; undefined when empty. */
export function maximum(window: Window, nowMs: number): number | undefined {
  const kept = recent(window, nowMs);
  return kept.length === 0 ? undefined : Math.max(...kept.map(({ max }) => max));
}

/** The same samples under another span, for when the spec changed. */
export const resized = (window: Window, spanMs: number): Window =>
  window.spanMs === spanMs ? window : emptyWindow(spanMs);

function recent({ buckets, bucketMs, spanMs }: Window, nowMs: number): readonly Bucket[] {
  // The present bucket counts even in a window without a span.
  const oldest = Math.min(Math.floor((nowMs - spanMs) / bucketMs), Math.floor(nowMs / bucketMs) - 1);
  return buckets.filter(({ index }) => index > oldest).slice(-bucketsMax);
}
