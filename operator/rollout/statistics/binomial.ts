/** Lanczos' coefficients for g = 7, n = 9 (P. Godfrey); the error is below 1e-14. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
/** Terms of the continued fraction; it needs about the square root of the larger argument. */
const termsMax = 10_000;
const precision = 1e-14;
const tiny = 1e-300;

/** Natural logarithm of the gamma function, for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum: number = lanczos[0];
  for (let at = 1; at < lanczos.length; at += 1) sum += (lanczos[at] ?? 0) / (x - 1 + at);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Logarithm of the number of ways to choose `chosen` out of `all`. */
export const logChoose = (all: number, chosen: number): number =>
  logGamma(all + 1) - logGamma(chosen + 1) - logGamma(all - chosen + 1);

/**
 * Probability of at least `successes` in `trials` that succeed with `probability` each: exact, whatever the size.
 * Below alpha, the true probability is above with confidence 1 - alpha (Clopper and Pearson's bound).
 *
 * @example atLeast(4, 20, 0.01) // 0.00004: four failures of twenty are no accident at one percent
 */
export function atLeast(successes: number, trials: number, probability: number): number {
  if (successes <= 0) return 1;
  if (successes > trials || probability <= 0) return 0;
  if (probability >= 1) return 1;
  return incompleteBeta(successes, trials - successes + 1, probability);
}

/** The regularised incomplete beta function, by the continued fraction that converges. */
function incompleteBeta(a: number, b: number, x: number): number {
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return (front * continuedFraction(a, b, x)) / a;
  return 1 - (front * continuedFraction(b, a, 1 - x)) / b;
}

/** Lentz' method; Abramowitz and Stegun 26.5.8. */
function continuedFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m <= termsMax; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / awayFromZero(1 + even * d);
    c = awayFromZero(1 + even / c);
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / awayFromZero(1 + odd * d);
    c = awayFromZero(1 + odd / c);
    value *= d * c;
    if (Math.abs(d * c - 1) < precision) break;
  }
  return value;
}

const awayFromZero = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
