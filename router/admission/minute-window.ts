const secondMs = 1_000;
/** A minute, and the second that it begins in: that one counts whole, so that no minute ever has more than was meant. */
const slots = 61;

/** How much came within the last minute. Memory and time are bounded, whatever comes. */
export class MinuteWindow {
  readonly #counts = new Float64Array(slots);
  #second = 0;
  #sum = 0;

  add(amount: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#counts[this.#second % slots] = this.#at(this.#second) + amount;
    this.#sum += amount;
  }

  used(nowMs: number): number {
    this.#advance(nowMs);
    return this.#sum;
  }

  /** Until no more than `most` are counted, when nothing else comes; 0 when that is so now. */
  freeAfterMs(most: number, nowMs: number): number {
    this.#advance(nowMs);
    let left = this.#sum;
    for (let second = this.#second - slots + 1; left > most && second <= this.#second; second += 1) {
      left -= this.#at(second);
      if (left <= most) return (second + slots) * secondMs - nowMs;
    }
    return 0;
  }

  #at(second: number): number {
    return this.#counts[(second + slots) % slots] ?? 0;
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / secondMs);
    const passed = Math.min(slots, second - this.#second);
    for (let gone = 1; gone <= passed; gone += 1) {
      const slot = (second - passed + gone) % slots;
      this.#sum -= this.#counts[slot] ?? 0;
      this.#counts[slot] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }
}
