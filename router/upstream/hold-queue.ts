import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';

export type Held = {
  /** Whose request it is; those without a name are one client. */
  client?: string | undefined;
  bytes: number;
  signal: AbortSignal;
  /** How long it may wait in all, as things stand; asked again when that time is over. */
  limitMs: () => number;
  onTimeout: () => FleetError;
};

type Limits = Pick<PoolConfig['hold'], 'queueMax' | 'queueBytesMax'>;
type Entry<H, T> = { held: H; resolve: (given: T) => void; reject: (error: unknown) => void; settle: () => void };

/** What one client has in the queue, first come first. */
type Line<H extends Held, T> = Set<Entry<H, T>>;

/**
 * Requests that wait; bounded in number, bytes and time. Clients get places in turn, each first come first served, and
 * where there is no room the one that has most of it gives way: nobody waits longer because another sends much.
 */
export class HoldQueue<H extends Held, T> {
  readonly #clock: Clock;
  /** By client; the one whose turn it is stands first. */
  readonly #lines = new Map<string, Line<H, T>>();
  #limits: Limits;
  #length = 0;
  #bytes = 0;

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get length(): number {
    return this.#length;
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
    if (held.signal.aborted) return Promise.reject(held.signal.reason);
    const message = `${this.#length} requests of ${this.#bytes} bytes wait for this pool already, and that is the limit. Try again later.`;
    const full = new FleetError('queue_full', message, { retryAfterMs });
    const giveWay = this.#whoGivesWay(held);
    if (!giveWay) return Promise.reject(full);
    for (const entry of giveWay) this.#refuse(entry, full);
    return new Promise((resolve, reject) => {
      const over = new AbortController();
      const entry: Entry<H, T> = { held, resolve, reject, settle: () => over.abort() };
      const onAbort = (): void => this.#refuse(entry, held.signal.reason);
      held.signal.addEventListener('abort', onAbort, { once: true, signal: over.signal });
      this.#put(entry);
      void this.#expire(entry, over.signal);
    });
  }

  /** Offers to each client in turn, until nobody waits or `give` has nothing for anybody. */
  serve(give: (held: H) => T | undefined, more: () => boolean): void {
    const passed = new Set<Entry<H, T>>();
    // A client that was served goes to the end, where the loop comes to it again.
    for (const [client, line] of this.#lines) {
      for (const entry of line) {
        if (!more()) return;
        if (passed.has(entry)) continue;
        const given = give(entry.held);
        if (given === undefined) {
          passed.add(entry);
          continue;
        }
        this.#take(entry);
        entry.resolve(given);
        if (this.#lines.delete(client)) this.#lines.set(client, line);
        break;
      }
    }
  }

  refuseAll(error: FleetError): void {
    for (const line of this.#lines.values()) for (const entry of line) this.#refuse(entry, error);
  }

  /** Whom a request takes the place of: the newest of those that have more of the queue than it would. Undefined when it gets none. */
  #whoGivesWay(held: H): Entry<H, T>[] | undefined {
    const { queueMax, queueBytesMax } = this.#limits;
    const gone: Entry<H, T>[] = [];
    let [count, bytes] = [this.#length + 1, this.#bytes + held.bytes];
    const share = (line: readonly Entry<H, T>[]): number =>
      Math.max(line.length / queueMax, line.reduce((sum, entry) => sum + entry.held.bytes, 0) / queueBytesMax);
    if (count <= queueMax && bytes <= queueBytesMax) return gone;
    const lines = new Map([...this.#lines].map(([client, line]) => [client, [...line]]));
    const own = lines.get(held.client ?? '') ?? [];
    lines.delete(held.client ?? '');
    const ownBytes = own.reduce((sum, entry) => sum + entry.held.bytes, held.bytes);
    const ownShare = Math.max((own.length + 1) / queueMax, ownBytes / queueBytesMax);
    while (count > queueMax || bytes > queueBytesMax) {
      const [heaviest] = [...lines.values()].toSorted((a, b) => share(b) - share(a));
      const entry = heaviest && share(heaviest) > ownShare ? heaviest.pop() : undefined;
      if (!entry) return undefined;
      gone.push(entry);
      count -= 1;
      bytes -= entry.held.bytes;
    }
    return gone;
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

  #put(entry: Entry<H, T>): void {
    const client = entry.held.client ?? '';
    const line = this.#lines.get(client) ?? new Set();
    this.#lines.set(client, line.add(entry));
    this.#length += 1;
    this.#bytes += entry.held.bytes;
  }

  #take(entry: Entry<H, T>): boolean {
    const client = entry.held.client ?? '';
    const line = this.#lines.get(client);
    if (!line?.delete(entry)) return false;
    if (line.size === 0) this.#lines.delete(client);
    this.#length -= 1;
    this.#bytes -= entry.held.bytes;
    entry.settle();
    return true;
  }
}
