/** A duration that is learned from what was seen: an exponentially weighted mean that starts at a guess. */
export class Estimate {
  #ms: number;
  readonly #weight: number;

  /** @param weight of the newest value, in (0, 1]. */
  constructor(guessMs: number, weight: number) {
    this.#ms = guessMs;
    this.#weight = weight;
  }

  get ms(): number {
    return this.#ms;
  }

  learn(seenMs: number): void {
    this.#ms += (seenMs - this.#ms) * this.#weight;
  }
}
