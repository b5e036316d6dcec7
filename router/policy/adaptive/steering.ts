import type { LargeChoice } from '../policy.ts';

/** Prices of the latest requests among which the cost weight is looked for. */
export const pricesMax = 512;
/** How far one request moves the aim, in shares. A larger step follows faster and chooses worse. */
export const step = 0.02;
/**
 * In any run of requests the large tier gets at most this many, 52, more or fewer than its share (Gibbs and Candès,
 * "Adaptive conformal inference under distribution shift", 2021, proposition 4.1).
 */
export const offMax = 2 + 1 / step;
/** Ties go to the cheaper pool whatever the rounding of two products. */
const margin = 1e-9;

/**
 * Holds a wanted share of requests for the large tier. The cost weight (lambda) is the price at which that share of the
 * latest requests would go there, and the share that is aimed at moves by a step with every decision, against what was
 * decided. So it follows the mix of prompts at once, is right in the long run whatever comes, and winds nothing up: the
 * aim is bounded, and what the traffic does not allow is not made up for. Same requests, same cost weights; no clock.
 */
export class Steering {
  #share: number;
  /** In [-step, 1 + step]. */
  #aim: number;
  /** Oldest first. */
  readonly #latest: number[] = [];
  /** The finite ones, rising. */
  #finite: readonly number[] = [];

  /** @param share wanted, in [0, 1]. */
  constructor(share: number) {
    this.#share = share;
    this.#aim = share;
  }

  /** Another share is wanted; the prices that were seen stay. */
  want(share: number): void {
    if (share === this.#share) return;
    this.#share = share;
    this.#aim = share;
  }

  /** The cost weight for a request of this price, itself counted among the latest; undefined when nothing is known. */
  costWeight(price?: number): number | undefined {
    const isOwn = price !== undefined && Number.isFinite(price);
    const finite = isOwn ? inserted(this.#finite, price) : this.#finite;
    const [lowest, highest] = [finite[0], finite.at(-1)];
    if (lowest === undefined || highest === undefined) return undefined;
    const all = this.#latest.length + (price === undefined ? 0 : 1);
    const forced = this.#latest.filter((of) => of === Infinity).length + (price === Infinity ? 1 : 0);
    const toLarge = Math.floor(this.#aim * all) - forced;
    if (toLarge >= finite.length) return Math.max(0, lowest - margin);
    return (finite.at(-1 - Math.max(0, toLarge)) ?? highest) + margin;
  }

  /** A request was decided upon. Undefined when there was no choice of tiers, as while the large one is away. */
  decided(choice: LargeChoice | undefined): void {
    if (choice === undefined) return;
    const { price, large } = choice;
    this.#aim = Math.min(1 + step, Math.max(-step, this.#aim + step * (this.#share - (large ? 1 : 0))));
    this.#latest.push(price);
    if (Number.isFinite(price)) this.#finite = inserted(this.#finite, price);
    const old = this.#latest.length > pricesMax ? this.#latest.shift() : undefined;
    if (old !== undefined && Number.isFinite(old)) this.#finite = this.#finite.toSpliced(placeOf(this.#finite, old), 1);
  }
}

const inserted = (sorted: readonly number[], value: number): number[] =>
  sorted.toSpliced(placeOf(sorted, value), 0, value);

/** Where a value stands in a rising list, or would. */
function placeOf(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? Infinity) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
