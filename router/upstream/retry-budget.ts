import type { Clock } from '@qwenfleet/core/clock';

/** Attempts after the first, as a share of the requests: more of them keep a server down that is overloaded (Envoy: 20 %). */
const share = 0.2;
/** Where there are few requests, one attempt a second may be another one. */
const perSecond = 1;
/** Attempts that may be saved up. */
const savedMax = 10;

/** How often one pool's requests may be sent again because of what its servers answered. */
export class RetryBudget {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #saved = savedMax;
  #lastMs: number;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#lastMs = clock.nowMs();
  }

  /** A request has come. */
  earn(): void {
    const nowMs = this.#clock.nowMs();
    const earned = Math.max(share, ((nowMs - this.#lastMs) / 1000) * perSecond);
    this.#saved = Math.min(savedMax, this.#saved + earned);
    this.#lastMs = nowMs;
  }

  /** Takes one attempt out of what is saved; false when there is none. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }
}
