import { seededRng } from '@qwenfleet/core/rng';
import { parts, signsOf, type Label, type Part } from './joint.ts';
import { sigmoid } from './logistic.ts';

export type WordingSettings = {
  bits: number;
  /** Passes over the labels, the length of a step, and L2 per touch. */
  passes: number;
  stepSize: number;
  l2: number;
  /** How much slower what parts the tiers is learnt than what they share: it is the noisier. */
  gapShare: number;
};
/** A weight per bucket for each part of the log-odds. */
export type WordingFit = Record<Part, Float64Array>;

/** What wording explains beyond `logits`, by AdaGrad over the prompts in an order that the seed decides. */
export function fitWording(
  labels: readonly Label[],
  logits: Float64Array,
  settings: WordingSettings,
  seed: number,
): WordingFit {
  const size = 1 << settings.bits;
  const table: Table = { weights: ofParts(() => new Float64Array(size)), squares: ofParts(() => squaresOf(size)) };
  const meanWeight = labels.reduce((sum, { weight }) => sum + weight, 0) / Math.max(1, labels.length);
  const starts = promptStarts(labels);
  const rng = seededRng(seed);
  for (let pass = 0; pass < settings.passes; pass++) {
    shuffle(starts, rng);
    for (const start of starts) learn(table, { labels, logits, start, meanWeight }, settings);
  }
  return table.weights;
}

/** What the fit says of one prompt, divided by the root of the number of buckets. */
export function wordingOf(fit: WordingFit, buckets: readonly number[]): Record<Part, number> {
  const factor = factorOf(buckets);
  return ofParts((part) => {
    const weights = fit[part];
    let sum = 0;
    for (const bucket of buckets) sum += weights[bucket] ?? 0;
    return sum * factor;
  });
}

type Table = { weights: WordingFit; squares: WordingFit };
type At = { labels: readonly Label[]; logits: Float64Array; start: number; meanWeight: number };

const ofParts = <Value>(value: (part: Part) => Value): Record<Part, Value> => ({
  shared: value('shared'),
  below: value('below'),
  above: value('above'),
});
const squaresOf = (size: number): Float64Array => new Float64Array(size).fill(1e-4);

function learn(table: Table, { labels, logits, start, meanWeight }: At, settings: WordingSettings): void {
  const buckets = labels[start]?.buckets ?? [];
  if (buckets.length === 0) return;
  const said = wordingOf(table.weights, buckets);
  const slopes = ofParts(() => 0);
  for (let at = start; labels[at]?.buckets === buckets; at++) {
    const label = labels[at];
    if (!label) break;
    const signs = signsOf[label.tier];
    const beyond = said.shared + signs.below * said.below + signs.above * said.above;
    const slope = (label.weight / meanWeight) * (sigmoid((logits[at] ?? 0) + beyond) - label.wanted);
    for (const part of parts) slopes[part] += signs[part] * slope;
  }
  const factor = factorOf(buckets);
  for (const part of parts) {
    const slope = slopes[part] * factor * (part === 'shared' ? 1 : settings.gapShare);
    if (slope === 0) continue;
    for (const bucket of buckets) {
      descend(table.weights[part], table.squares[part], { bucket, slope, ...settings });
    }
  }
}

function descend(
  weights: Float64Array,
  squares: Float64Array,
  { bucket, slope, l2, stepSize }: { bucket: number; slope: number; l2: number; stepSize: number },
): void {
  const weight = weights[bucket] ?? 0;
  const pulled = slope + l2 * weight;
  const square = (squares[bucket] ?? 0) + pulled * pulled;
  squares[bucket] = square;
  weights[bucket] = weight - (stepSize * pulled) / Math.sqrt(square);
}

const factorOf = (buckets: readonly number[]): number => (buckets.length === 0 ? 0 : 1 / Math.sqrt(buckets.length));

function promptStarts(labels: readonly Label[]): Int32Array {
  const starts: number[] = [];
  for (const [at, { buckets }] of labels.entries()) if (labels[at - 1]?.buckets !== buckets) starts.push(at);
  return Int32Array.from(starts);
}

function shuffle(order: Int32Array, rng: () => number): void {
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(rng() * (at + 1));
    const kept = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = kept;
  }
}
