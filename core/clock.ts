/** Time as a parameter, so that a test or a simulation owns it. */
export interface Clock {
  /** Milliseconds since the Unix epoch: for stamps that people read. */
  epochMs(): number;
  /** Monotonic milliseconds: for every duration and deadline. */
  nowMs(): number;
  /** Resolves after the delay; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** One moment on both clocks: epoch time is what is stored, monotonic time is what is computed with. */
export type Instant = { nowMs: number; epochMs: number };

export const systemClock: Clock = {
  epochMs: () => Date.now(),
  nowMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(asReason(signal));
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(asReason(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

type Sleeper = { dueMs: number; wake: () => void };

/** A clock that stands still until `advance` moves it; sleepers wake in the order they are due. */
export class ManualClock implements Clock {
  #nowMs: number;
  #sleepers: Sleeper[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  epochMs(): number {
    return this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(asReason(signal));
      const sleeper: Sleeper = { dueMs: this.#nowMs + delayMs, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          reject(asReason(signal));
        },
        { once: true },
      );
    });
  }

  /** Moves time on and lets everything that fell due run. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const next = this.#sleepers.filter((s) => s.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (!next) break;
      this.#sleepers = this.#sleepers.filter((s) => s !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const asReason = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new DOMException('The operation was aborted.', 'AbortError');
