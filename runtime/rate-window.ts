import type { Clock } from '@qwenfleet/core/clock';

const windowMs = 10_000;
const bucketMs = 1_000;

/** How many a second, over the last ten seconds. */
export class RateWindow {
  readonly #clock: Clock;
  #buckets: { atMs: number; count: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(count: number): void {
    const nowMs = this.#clock.nowMs();
    const last = this.#buckets.at(-1);
    if (last && nowMs - last.atMs < bucketMs) last.count += count;
    else this.#buckets.push({ atMs: nowMs, count });
    this.#forget(nowMs);
  }

  perSecond(): number {
    this.#forget(this.#clock.nowMs());
    return (this.#buckets.reduce((sum, { count }) => sum + count, 0) * 1000) / windowMs;
  }

  #forget(nowMs: number): void {
    this.#buckets = this.#buckets.filter(({ atMs }) => nowMs - atMs < windowMs);
  }
}
