import { backoffMs } from '@qwenfleet/core/backoff';
import type { Rng } from '@qwenfleet/core/rng';
import type { Outcome } from './outcome.ts';

/** A replica that failed is left alone this long: by then the list of replicas has usually changed. */
const shutOut = { baseMs: 1_000, maxMs: 15_000, factor: 2 };
/** A busy replica that does not say for how long, and the longest that one may ask for. */
const busyMs = { usual: 500, max: 15_000 };
/** So many errors in a row are the replica's, not the requests'. */
const errorsInARowMax = 5;
/** After so many failures in a row nobody is made to wait for the replica. */
const failuresUntilDown = 3;

/** What is known of one replica from the answers that it gave: may it be asked now? */
export class Health {
  #failures = 0;
  #errors = 0;
  #failedMs = -Infinity;
  #shutOutUntilMs = 0;
  #probing = false;

  /** May it be asked? After a failure one request at a time is let through until one succeeds. */
  open(nowMs: number): boolean {
    return this.#shutOutUntilMs <= nowMs && !this.#probing;
  }

  /** Failed again and again, and is not back. */
  down(nowMs: number): boolean {
    return this.#failures >= failuresUntilDown && !this.open(nowMs);
  }

  get shutOutUntilMs(): number {
    return this.#shutOutUntilMs;
  }

  asked(): void {
    this.#probing = this.#failures > 0;
  }

  /** An answer has begun, so it is well. */
  began(): void {
    this.#failures = 0;
    this.#errors = 0;
    this.#probing = false;
  }

  /**
   * Learns how a request ended that was sent at `sentMs`.
   * @param expendable false when too few others would be left: errors alone then do not shut it out.
   */
  learn(outcome: Outcome, at: { sentMs: number; nowMs: number; expendable: boolean }, rng: Rng): void {
    if (outcome.kind === 'answered') return this.began();
    // Only the probe itself may end the probing: requests from before know nothing of the replica's return.
    if (at.sentMs > this.#failedMs) this.#probing = false;
    if (outcome.kind === 'busy') {
      this.#shutFor(Math.min(outcome.retryAfterMs ?? busyMs.usual, busyMs.max), at.nowMs);
    } else if (outcome.kind === 'erred') {
      this.#errors += 1;
      if (this.#errors >= errorsInARowMax && at.expendable) this.#fail(at, rng);
    } else if (outcome.kind === 'broken') this.#fail(at, rng);
  }

  /** Many requests that break at the same moment are one failure. */
  #fail({ sentMs, nowMs }: { sentMs: number; nowMs: number }, rng: Rng): void {
    if (sentMs <= this.#failedMs) return;
    this.#shutFor(backoffMs(shutOut, this.#failures, rng), nowMs);
    this.#failures += 1;
    this.#failedMs = nowMs;
  }

  #shutFor(forMs: number, nowMs: number): void {
    this.#shutOutUntilMs = Math.max(this.#shutOutUntilMs, nowMs + forMs);
  }
}
