import type { Clock } from '@qwenfleet/core/clock';

/** Keys that come back after a while. A key waits once, until the earliest of the times it was given. */
export class Delays {
  readonly #clock: Clock;
  readonly #onDue: (key: string) => void;
  readonly #waiting = new Map<string, { dueMs: number; abort: AbortController }>();

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(key: string, delayMs: number): void {
    const dueMs = this.#clock.nowMs() + delayMs;
    const earlier = this.#waiting.get(key);
    if (earlier && earlier.dueMs <= dueMs) return;
    earlier?.abort.abort();
    const abort = new AbortController();
    this.#waiting.set(key, { dueMs, abort });
    this.#clock.sleep(delayMs, abort.signal).then(
      () => {
        this.#waiting.delete(key);
        this.#onDue(key);
      },
      () => undefined,
    );
  }

  clear(): void {
    for (const { abort } of this.#waiting.values()) abort.abort();
    this.#waiting.clear();
  }
}
