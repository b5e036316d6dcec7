import { keyOf } from '@qwenfleet/kube/object';
import { Store } from '@qwenfleet/kube/reflector/store';
import type { Api, Change } from './api.ts';
import type { Chance } from './chance.ts';
import type { Kind, Stored } from './objects.ts';
import type { EventQueue } from './queue.ts';

/** How a watch goes wrong, each a chance for one event; the rest comes in order and soon. */
export type Confusion = { late: number; twice: number; lost: number };

const soonMs = { low: 1, high: 150 };
const lateMs = { low: 150, high: 8_000 };
/** A watch that lost something finds out by a bookmark, a dead peer or a relist, within this time. */
export const relistWithinMs = 20_000;

/** One process's cache of one kind: the real store, fed by events that come late, twice, out of order or not at all. */
export class Watch<K extends Kind> {
  readonly store = new Store<Stored<K>>();
  readonly #kind: K;
  readonly #api: Api;
  readonly #queue: EventQueue;
  readonly #chance: Chance;
  readonly #confusion: () => Confusion;
  readonly #end: () => void;
  /** When changes happened that the store does not show yet. */
  readonly #missing = new Map<Change<Kind>, number>();
  #silentUntilMs = -Infinity;
  #session = 0;
  #ended = false;
  #listed = false;

  constructor(
    kind: K,
    { api, queue, chance, confusion }: { api: Api; queue: EventQueue; chance: Chance; confusion: () => Confusion },
  ) {
    this.#kind = kind;
    this.#api = api;
    this.#queue = queue;
    this.#chance = chance;
    this.#confusion = confusion;
    this.#relist();
    this.#end = api.follow((change) => this.#hear(change));
  }

  /** Everything that happened until then is in the store. */
  get asOfMs(): number {
    let asOfMs = this.#queue.nowMs;
    for (const atMs of this.#missing.values()) asOfMs = Math.min(asOfMs, atMs - 1);
    return asOfMs;
  }

  /** Has it listed once? */
  get synced(): boolean {
    return this.#listed;
  }

  get current(): boolean {
    return this.#listed && this.#missing.size === 0;
  }

  /** Hears nothing for so long, as with a connection that is half open, and lists anew after it. */
  silence(forMs: number): void {
    this.#silentUntilMs = Math.max(this.#silentUntilMs, this.#queue.nowMs + forMs);
    this.#queue.at(this.#silentUntilMs, () => this.#relist());
  }

  /** What the store shows that is not so; undefined while it agrees with the API server. */
  problem(): string | undefined {
    const is = this.#api.list(this.#kind);
    const same = is.length === this.store.size && is.every((object) => this.store.get(keyOf(object)) === object);
    return same || !this.current ? undefined : `a cache of ${this.#kind}s shows what is not so`;
  }

  close(): void {
    this.#ended = true;
    this.#end();
  }

  #hear(change: Change<Kind>): void {
    if (change.kind !== this.#kind) return;
    const { late, twice, lost } = this.#confusion();
    this.#missing.set(change, this.#queue.nowMs);
    if (this.#queue.nowMs < this.#silentUntilMs) return;
    if (this.#chance.happens(lost)) {
      this.#queue.after(this.#chance.between(1_000, relistWithinMs), () => this.#relist());
      return;
    }
    const { low, high } = this.#chance.happens(late) ? lateMs : soonMs;
    const session = this.#session;
    const take = (): void => this.#take(change, session);
    this.#queue.after(this.#chance.between(low, high), take);
    if (this.#chance.happens(twice)) this.#queue.after(this.#chance.between(low, lateMs.high), take);
  }

  #take(change: Change<Kind>, session: number): void {
    // A list ends the watch before it, and what was still on its way.
    if (this.#ended || session !== this.#session || this.#queue.nowMs < this.#silentUntilMs) return;
    // Checked when it was heard.
    const object = change.object as Stored<K>;
    if (change.type === 'put') this.store.put(object);
    else this.store.remove(object);
    this.#missing.delete(change);
  }

  #relist(): void {
    if (this.#ended || this.#queue.nowMs < this.#silentUntilMs) return;
    if (this.#api.down) return this.#queue.after(1_000, () => this.#relist());
    this.#session += 1;
    this.#listed = true;
    this.store.replace(this.#api.list(this.#kind));
    this.#missing.clear();
  }
}
