import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';

export type Held = {
  bytes: number;
  signal: AbortSignal;
  /** How long it may wait in all, as things stand; asked again when that time is over. */
  limitMs: () => number;
  onTimeout: () => FleetError;
};

type Limits = Pick<PoolConfig['hold'], 'queueMax' | 'queueBytesMax'>;
type Entry<H, T> = { held: H; resolve: (given: T) => void; reject: (error: unknown) => void; settle: () => void };

/** Requests that wait, first come first served; bounded in number, bytes and time. */
export class HoldQueue<H extends Held, T> {
  readonly #clock: Clock;
  readonly #entries = new Set<Entry<H, T>>();
  #limits: Limits;
  #bytes = 0;

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get length(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** New bounds hold for what comes; nothing that waits is turned away. */
  configure(limits: Limits): void {
    this.#limits = limits;
  }

  /** Resolves with what `serve` gives. Throws `queue_full`, what `onTimeout` says, or the signal's reason. */
  add(held: H, retryAfterMs: number): Promise<T> {
    const { queueMax, queueBytesMax } = this.#limits;
    if (held.signal.aborted) return Promise.reject(held.signal.reason);
    if (this.#entries.size >= queueMax || this.#bytes + held.bytes > queueBytesMax) {
      const message = `${this.#entries.size} requests of ${this.#bytes} bytes wait for this pool already, and that is the limit. Try again later.`;
      return Promise.reject(new FleetError('queue_full', message, { retryAfterMs }));
    }
    return new Promise((resolve, reject) => {
      const over = new AbortController();
      const entry: Entry<H, T> = { held, resolve, reject, settle: () => over.abort() };
      const onAbort = (): void => this.#refuse(entry, held.signal.reason);
      held.signal.addEventListener('abort', onAbort, { once: true, signal: over.signal });
      this.#entries.add(entry);
      this.#bytes += held.bytes;
      void this.#expire(entry, over.signal);
    });
  }

  /** Offers to each in turn, until nobody waits or `give` has nothing for anybody. */
  serve(give: (held: H) => T | undefined, more: () => boolean): void {
    for (const entry of this.#entries) {
      if (!more()) return;
      const given = give(entry.held);
      if (given === undefined) continue;
      this.#take(entry);
      entry.resolve(given);
    }
  }

  refuseAll(error: FleetError): void {
    for (const entry of this.#entries) this.#refuse(entry, error);
  }

  async #expire(entry: Entry<H, T>, over: AbortSignal): Promise<void> {
    const sinceMs = this.#clock.nowMs();
    for (;;) {
      const leftMs = entry.held.limitMs() - (this.#clock.nowMs() - sinceMs);
      if (leftMs <= 0) return this.#refuse(entry, entry.held.onTimeout());
      await this.#clock.sleep(leftMs, over).catch(() => undefined);
      if (over.aborted) return;
    }
  }

  #refuse(entry: Entry<H, T>, error: unknown): void {
    if (this.#take(entry)) entry.reject(error);
  }

  #take(entry: Entry<H, T>): boolean {
    if (!this.#entries.delete(entry)) return false;
    this.#bytes -= entry.held.bytes;
    entry.settle();
    return true;
  }
}
