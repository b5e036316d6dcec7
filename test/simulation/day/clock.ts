import type { Clock } from '@qwenfleet/core/clock';
import type { EventQueue } from '../world/queue.ts';

/** The time of a queue of events, for code that waits by a clock. */
export class QueueClock implements Clock {
  readonly #queue: EventQueue;

  constructor(queue: EventQueue) {
    this.#queue = queue;
  }

  epochMs(): number {
    return this.#queue.nowMs;
  }

  nowMs(): number {
    return this.#queue.nowMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#queue.after(delayMs, resolve);
    });
  }
}
