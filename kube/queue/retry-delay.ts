import type { Clock } from '@qwenfleet/core/clock';
import { TokenBucket, type Rate } from '../token-bucket.ts';

export type RetryOptions = {
  /** Before the first retry of a key; doubles with each. */
  baseMs?: number;
  maxMs?: number;
  /** Of all keys together, so that a broken cluster is not asked by a thousand keys at once. */
  overall?: Rate;
};

/** client-go's numbers. */
const defaults = { baseMs: 5, maxMs: 1_000_000, overall: { perSecond: 10, burst: 100 } };

/** How long a key that failed has to wait: its own exponential backoff, or the turn that all retries share. */
export class RetryDelays {
  readonly #options: Required<RetryOptions>;
  readonly #bucket: TokenBucket;
  readonly #failures = new Map<string, number>();

  constructor(clock: Clock, options: RetryOptions = {}) {
    this.#options = { ...defaults, ...options };
    this.#bucket = new TokenBucket(clock, this.#options.overall);
  }

  /** Failures in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Counts a failure, and says in how many milliseconds to try again. */
  next(key: string): number {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    const { baseMs, maxMs } = this.#options;
    return Math.max(Math.min(maxMs, baseMs * 2 ** failures), this.#bucket.reserve());
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
