import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';
import type { Lease } from './pool.ts';

export type Held = {
  bytes: number;
  signal: AbortSignal;
  timeoutMs: number;
  onTimeout: () => FleetError;
};

type Entry = Held & { resolve: (lease: Lease) => void; settle: () => void; reject: (error: unknown) => void };

/** Requests that wait for a replica, first come first served; bounded in number, bytes and time. */
export class HoldQueue {
  readonly #clock: Clock;
  readonly #limits: Pick<PoolConfig['hold'], 'queueMax' | 'queueBytesMax'>;
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(clock: Clock, limits: Pick<PoolConfig['hold'], 'queueMax' | 'queueBytesMax'>) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Resolves with a lease. Throws `queue_full`, what `onTimeout` says, or the signal's reason. */
  add(held: Held): Promise<Lease> {
    const { queueMax, queueBytesMax } = this.#limits;
    if (held.signal.aborted) return Promise.reject(held.signal.reason);
    if (this.#entries.length >= queueMax || this.#bytes + held.bytes > queueBytesMax) {
      const message = `${this.#entries.length} requests wait for this pool already, and that is the limit. Try again later.`;
      return Promise.reject(new FleetError('queue_full', message, { retryAfterMs: 1_000 }));
    }
    return new Promise((resolve, reject) => {
      const over = new AbortController();
      const entry: Entry = { ...held, resolve, reject, settle: () => over.abort() };
      const leave = (error: unknown): void => {
        if (this.#take(entry)) reject(error);
      };
      held.signal.addEventListener('abort', () => leave(held.signal.reason), { once: true, signal: over.signal });
      this.#clock.sleep(held.timeoutMs, over.signal).then(
        () => leave(held.onTimeout()),
        () => undefined,
      );
      this.#entries.push(entry);
      this.#bytes += held.bytes;
    });
  }

  /** Hands a lease to the first. */
  serve(lease: () => Lease): void {
    const [entry] = this.#entries;
    if (entry && this.#take(entry)) entry.resolve(lease());
  }

  refuseAll(error: FleetError): void {
    for (const entry of this.#entries) if (this.#take(entry)) entry.reject(error);
  }

  #take(entry: Entry): boolean {
    if (!this.#entries.includes(entry)) return false;
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#bytes -= entry.bytes;
    entry.settle();
    return true;
  }
}
