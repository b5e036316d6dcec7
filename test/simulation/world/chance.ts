import { seededRng, type Rng } from '@qwenfleet/core/rng';

/** What a seed decides: one stream of chance for each part of the world, so that a change of one leaves the others. */
export class Chance {
  readonly rng: Rng;

  constructor(seed: number, part: number) {
    this.rng = seededRng(Math.imul(seed ^ 0x9e3779b9, 2 * part + 1));
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.rng();
  }

  whole(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.rng());
  }

  happens(probability: number): boolean {
    return this.rng() < probability;
  }

  pick<const T>(from: readonly [T, ...T[]]): T {
    return from[Math.floor(this.rng() * from.length)] ?? from[0];
  }

  /** How many of independent arrivals: Knuth's method for few, the normal approximation for many. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.#normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.rng(); product > limit; product *= this.rng()) count += 1;
    return count;
  }

  /** How many of so many trials succeed. */
  binomial(trials: number, probability: number): number {
    let hits = 0;
    for (let at = 0; at < trials; at += 1) if (this.rng() < probability) hits += 1;
    return hits;
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.rng())) * Math.cos(2 * Math.PI * this.rng());
  }
}
