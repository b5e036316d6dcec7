import type { Instant } from '@qwenfleet/core/clock';
import { scalingMemoryLengthMax } from '@qwenfleet/crds/qwendeployment/status';
import { bucketsMax, emptyWindow, type Bucket, type Window } from './window.ts';

/** `1795554131000/1000:0,25,2,13;1,14,1,14`: when bucket 0 begins and how long buckets last, then the buckets. */
const pattern = /^(\d+)\/(\d+):((?:\d+(?:,[\d.]+){3};?)*)$/;

/** A window as text for a status: what a next process needs to go on with the same averages. Bounded: the oldest go. */
export function encodeWindow({ buckets, bucketMs, originMs }: Window, { nowMs, epochMs }: Instant): string | undefined {
  const first = buckets[0];
  if (!first) return undefined;
  const beganEpochMs = Math.round(epochMs - nowMs + originMs + first.index * bucketMs);
  const entries = buckets.map(({ index, sum, count, max }) =>
    [index - first.index, figure(sum), count, figure(max)].join(','),
  );
  const prefix = `${beganEpochMs}/${bucketMs}:`;
  while (prefix.length + entries.join(';').length > scalingMemoryLengthMax) entries.shift();
  return prefix + entries.join(';');
}

/** The window that a status tells of, on this process's clock; an empty one when it tells nothing that fits. */
export function decodeWindow(text: string | undefined, spanMs: number, { nowMs, epochMs }: Instant): Window {
  const empty = emptyWindow(spanMs);
  const [, began, bucketMs, entries = ''] = pattern.exec(text ?? '') ?? [];
  if (began === undefined || Number(bucketMs) !== empty.bucketMs) return empty;
  const originMs = nowMs + Number(began) - epochMs;
  const latest = Math.floor((nowMs - originMs) / empty.bucketMs);
  const buckets: Bucket[] = [];
  for (const entry of entries.split(';').slice(-bucketsMax - 1)) {
    const bucket = bucketOf(entry);
    const after = buckets.at(-1)?.index ?? -1;
    // What the writer's clock put into our future cannot be placed.
    if (bucket && bucket.index > after && bucket.index <= latest) buckets.push(bucket);
  }
  return { ...empty, originMs, buckets };
}

function bucketOf(entry: string): Bucket | undefined {
  const [index = NaN, sum = NaN, count = NaN, max = NaN] = entry.split(',').map(Number);
  return index >= 0 && sum >= 0 && count > 0 && max >= 0 ? { index, sum, count, max } : undefined;
}

/** Thousandths at most, as `record` keeps them, and no exponent. */
const figure = (value: number): string => (Number.isInteger(value) ? value.toFixed(0) : value.toFixed(3));
