import type { Count } from './fisher.ts';

/** From and to, ends included. */
export type Interval = { low: number; high: number };

/** Standard normal quantile of a two-sided interval at 95 %. */
export const z95 = 1.959963984540054;

/** Wilson's score interval of a ratio: honest at 0 and 1 and for few requests, where the textbook interval is not. */
export function wilson({ hits, of }: Count, z = z95): Interval {
  if (of === 0) return { low: 0, high: 1 };
  const ratio = hits / of;
  const centre = ratio + (z * z) / (2 * of);
  const spread = z * Math.sqrt((ratio * (1 - ratio)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
}

/** Newcombe's interval of the difference b - a of two ratios (1998, method 10), from their Wilson intervals. */
export function ratioDifference(a: Count, b: Count, z = z95): Interval {
  if (a.of === 0 || b.of === 0) return { low: -1, high: 1 };
  return differenceOf({ value: a.hits / a.of, ...wilson(a, z) }, { value: b.hits / b.of, ...wilson(b, z) });
}

/** Two intervals as the interval of their difference b - a, for independent estimates (Zou and Donner, 2008). */
export function differenceOf(a: Interval & { value: number }, b: Interval & { value: number }): Interval {
  const difference = b.value - a.value;
  return {
    low: difference - Math.hypot(b.value - b.low, a.high - a.value),
    high: difference + Math.hypot(b.high - b.value, a.value - a.low),
  };
}
