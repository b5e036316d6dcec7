import { logChoose } from './binomial.ts';

/** Some of so many requests: failures, or slow first tokens. */
export type Count = { hits: number; of: number };

/** Terms beyond this share of the sum change no decision. */
const negligible = 1e-12;

/**
 * Fisher's exact test, one-sided: the probability of so many hits in `a`, or more, if `a` and `b` were alike. Exact for
 * small counts, where a difference of two ratios says nothing.
 *
 * @example moreHits({ hits: 3, of: 40 }, { hits: 1, of: 400 }) // 0.003: three of forty is worse than one of four hundred
 */
export function moreHits(a: Count, b: Count): number {
  const hits = a.hits + b.hits;
  const most = Math.min(hits, a.of);
  const fewest = Math.max(0, hits - b.of);
  if (a.hits <= fewest) return 1;
  const all = logChoose(a.of + b.of, hits);
  let term = Math.exp(logChoose(a.of, a.hits) + logChoose(b.of, hits - a.hits) - all);
  let sum = 0;
  for (let k = a.hits; k <= most; k += 1) {
    sum += term;
    // The next term by the ratio of neighbours; beyond the mode they only fall.
    const ratio = ((a.of - k) * (hits - k)) / ((k + 1) * (b.of - hits + k + 1));
    term *= ratio;
    if (ratio < 1 && term < negligible * sum) break;
  }
  return Math.min(1, sum);
}
