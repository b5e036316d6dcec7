import { backoffMs } from '@qwenfleet/core/backoff';
import type { Rng } from '@qwenfleet/core/rng';
import type { Outcome } from './outcome.ts';

/** A replica that failed is left alone this long: by then the list of replicas has usually changed. */
const shutOut = { baseMs: 1_000, maxMs: 15_000, factor: 2 };
/** A busy replica that does not say for how long, and the longest that one may ask for. */
export const busyMs = { usual: 500, max: 15_000 };
/** So many errors in a row are the replica's, not the requests'. */
const errorsInARowMax = 5;
/** After a failure one request is let through; when nothing is known of it by then, another one follows. */
const trialMs = 1_000;
/** After so many failures in a row nobody is made to wait for the replica. */
const failuresUntilDown = 3;

/** What is known of one replica from the answers that it gave: may it be asked now? */
export class Health {
  #failures = 0;
  #errors = 0;
  #failedMs = -Infinity;
  #shutOutUntilMs = 0;
  #trialUntilMs = 0;

  /** May it be asked? After a failure requests are let through one by one until one succeeds. */
  open(nowMs: number): boolean {
    return this.opensMs <= nowMs;
  }

  /** When it may be asked, should nothing be heard of it before. */
  get opensMs(): number {
    return Math.max(this.#shutOutUntilMs, this.#trialUntilMs);
  }

  /** Failed again and again, and has answered nothing since. */
  get failed(): boolean {
    return this.#failures >= failuresUntilDown;
  }

  /** Failed, and may not be tried now either. */
  down(nowMs: number): boolean {
    return this.failed && !this.open(nowMs);
  }

  asked(nowMs: number): void {
    if (this.#failures > 0) this.#trialUntilMs = nowMs + trialMs;
  }

  /** An answer has begun, so it is well. */
  began(): void {
    this.#failures = 0;
    this.#errors = 0;
    this.#trialUntilMs = 0;
  }

  /**
   * Learns how a request ended that was sent at `sentMs`.
   * @param expendable false when too few others would be left: errors alone then do not shut it out.
   */
  learn(outcome: Outcome, at: { sentMs: number; nowMs: number; expendable: boolean }, rng: Rng): void {
    if (outcome.kind === 'answered') return this.began();
    // Only the trial itself may end the trial: requests from before know nothing of the replica's return.
    if (at.sentMs > this.#failedMs) this.#trialUntilMs = 0;
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
