import type { Clock } from '@qwenfleet/core/clock';

const windowMs = 10_000;
const bucketMs = 1_000;

/** How many a second, over the last ten seconds, or since it began when that is less. */
export class RateWindow {
  readonly #clock: Clock;
  readonly #beganMs: number;
  #buckets: { atMs: number; count: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.nowMs();
  }

  add(count: number): void {
    const nowMs = this.#clock.nowMs();
    const last = this.#buckets.at(-1);
    if (last && nowMs - last.atMs < bucketMs) last.count += count;
    else this.#buckets.push({ atMs: nowMs, count });
    this.#forget(nowMs);
  }

  perSecond(): number {
    const nowMs = this.#clock.nowMs();
    this.#forget(nowMs);
    const overMs = Math.min(windowMs, Math.max(bucketMs, nowMs - this.#beganMs));
    return (this.#buckets.reduce((sum, { count }) => sum + count, 0) * 1000) / overMs;
  }

  #forget(nowMs: number): void {
    this.#buckets = this.#buckets.filter(({ atMs }) => nowMs - atMs < windowMs);
  }
}
