import type { Clock } from '@qwenfleet/core/clock';

export type Rate = { perSecond: number; burst: number };

/** A rate with a burst: full at first, refilled steadily. */
export class TokenBucket {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #rate: Rate;
  #tokens: number;
  #filledMs: number;

  constructor(clock: Pick<Clock, 'nowMs'>, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMs = clock.nowMs();
  }

  /** Takes a token if there is one. */
  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes a token, from the future if need be, and says in how many milliseconds it is there. */
  reserve(): number {
    this.#fill();
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#rate.perSecond) * 1000;
  }

  /** Hands back a reserved token that was not used. */
  giveBack(): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }

  #fill(): void {
    const nowMs = this.#clock.nowMs();
    const earned = ((nowMs - this.#filledMs) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
    this.#filledMs = nowMs;
  }
}
