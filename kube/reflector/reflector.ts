import { backoffMs, type BackoffPolicy } from '@qwenfleet/core/backoff';
import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { Environment } from '../environment.ts';
import { compareVersions, keyOf, type KubeObject } from '../object.ts';
import { slept } from '../time-limit.ts';
import { afterWatch, DeafWatch, OvertakenWatch, SilentWatch, type NextStep } from './after-watch.ts';
import { deepFreeze } from './freeze.ts';
import type { ListWatch } from './list-watch.ts';
import { missedKeys } from './missed.ts';
import { shareTexts } from './share-texts.ts';
import { Store, type Cache, type Change, type Indexer } from './store.ts';
import { MalformedEvent, type WatchEvent } from './watch-event.ts';
import { WatchSession } from './watch-session.ts';

export type Handler<T> = (change: Change<T>) => void;

export type ReflectorOptions<T extends KubeObject> = {
  /** In metrics and logs, such as `pods`. */
  name: string;
  source: ListWatch<T>;
  indexers?: Readonly<Record<string, Indexer<T>>>;
  /** They are half of a pod's bytes; keep them to find out who owns a field. */
  keepManagedFields?: boolean;
  /** What is kept of an object: leave out what nobody reads, and memory holds many more. Its metadata has to stay. */
  keep?: (object: T) => T;
  /** How long a watch may be silent; chosen anew for each. The server sends a bookmark each minute. */
  deadPeerMs?: readonly [min: number, max: number];
  /** How often a full list checks that the watch told everything. */
  auditMs?: number;
  /** Between tries after a failure. */
  retryBackoff?: BackoffPolicy;
};

type RelistReason = 'start' | 'audit' | NonNullable<NextStep['relist']>;
type Step = { relist?: RelistReason; wait: boolean; askedMs: number };

/** Spread, so that the watches of a fleet do not all end at once. */
const watchSeconds: readonly [number, number] = [300, 600];
/** What a watch may lag behind a list before an audit calls it missed. */
const lagMs = 5_000;
const defaults = {
  keepManagedFields: false,
  keep: <T>(object: T): T => object,
  deadPeerMs: [75_000, 90_000],
  auditMs: 600_000,
  retryBackoff: { baseMs: 800, maxMs: 30_000, factor: 2 },
} as const;

/**
 * A cache of one kind that follows the API server: list, then watch, for ever. It survives whatever the server or the
 * network does, counts what it missed, and tells handlers of every change after the cache has it.
 *
 *     const reflector = new Reflector({ name: 'widgets', source: listWatch(client, widgets) }, environment);
 *     reflector.subscribe(({ key }) => queue.add(key));
 *     reflector.start();
 *     await reflector.synced;
 */
export class Reflector<T extends KubeObject> {
  readonly name: string;
  /** Resolves after the first list; rejects when the reflector is stopped before. */
  readonly synced: Promise<void>;
  readonly #options: Required<Omit<ReflectorOptions<T>, 'indexers'>>;
  readonly #environment: Environment;
  readonly #store: Store<T>;
  readonly #handlers = new Set<Handler<T>>();
  readonly #stopping = new AbortController();
  readonly #gate = Promise.withResolvers<void>();
  #running: Promise<unknown> | undefined;
  #hasSynced = false;
  #session: WatchSession<T> | undefined;
  #resourceVersion = '';
  /** Waits in a row without a word from a watch. */
  #failures = 0;
  #silences = 0;
  #contactMs: number;
  /** Those who wait for a list that begins from now on. */
  #asked: (() => void)[] = [];

  constructor(options: ReflectorOptions<T>, environment: Environment) {
    this.name = options.name;
    this.#options = { ...defaults, ...options };
    this.#environment = environment;
    this.#store = new Store(options.indexers);
    this.#contactMs = environment.clock.nowMs();
    this.synced = this.#gate.promise;
    // Nobody has to wait for it.
    this.synced.catch(() => undefined);
  }

  get cache(): Cache<T> {
    return this.#store;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Since the last word from the API server. More than two minutes mean that the cache is out of date. */
  get silentMs(): number {
    return this.#environment.clock.nowMs() - this.#contactMs;
  }

  /** Tells of everything that is there, then of every change, until the returned function is called. */
  subscribe(handler: Handler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.list()) this.#call(handler, { type: 'added', key: keyOf(object), object });
    return () => this.#handlers.delete(handler);
  }

  /**
   * Resolves when the cache is at least as new as this call, though a watch may be half open, or behind others: for
   * who is about to act on it after somebody else did, such as a new leader. Rejects when the reflector is stopped.
   */
  async refresh(): Promise<void> {
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as FleetError), { once: true });
      this.#asked.push(resolve);
      this.#session?.end(new OvertakenWatch());
    });
  }

  start(): void {
    this.#running ??= Promise.all([this.#follow(), this.#auditForEver()]);
  }

  async stop(): Promise<void> {
    const reason = new FleetError('cancelled', `The reflector of ${this.name} was stopped.`);
    this.#stopping.abort(reason);
    this.#gate.reject(reason);
    await this.#running;
  }

  async #follow(): Promise<void> {
    let step: Step = { relist: 'start', wait: false, askedMs: 0 };
    for (;;) {
      if (step.wait && !(await this.#pause(step.askedMs))) return;
      if (this.#stopping.signal.aborted) return;
      const relist = this.#asked.length > 0 ? 'asked' : step.relist;
      step = relist === undefined ? await this.#watch() : await this.#relist(relist);
    }
  }

  #pause(askedMs: number): Promise<boolean> {
    const { clock, rng } = this.#environment;
    const waitMs = Math.max(backoffMs(this.#options.retryBackoff, this.#failures, rng), askedMs);
    this.#failures += 1;
    return slept(clock, waitMs, this.#stopping.signal);
  }

  async #relist(reason: RelistReason): Promise<Step> {
    const asked = this.#asked.splice(0);
    try {
      const listed = await this.#list(reason);
      const changes = this.#store.replace(listed.items);
      this.#resourceVersion = listed.resourceVersion;
      for (const change of changes) this.#publish(change);
      this.#hasSynced = true;
      this.#gate.resolve();
      for (const resolve of asked) resolve();
      return { wait: false, askedMs: 0 };
    } catch (error) {
      this.#asked.unshift(...asked);
      this.#complain(error, 'a list failed');
      return { relist: reason, wait: true, askedMs: error instanceof FleetError ? (error.retryAfterMs ?? 0) : 0 };
    }
  }

  async #list(reason: RelistReason): Promise<{ items: T[]; resourceVersion: string }> {
    this.#environment.telemetry?.count('kubeRelists', { name: this.name, reason });
    const each = (object: T): T => this.#prepare(object);
    const listed = await this.#options.source.list({ signal: this.#stopping.signal, each });
    this.#contact();
    return listed;
  }

  async #watch(): Promise<Step> {
    const { clock } = this.#environment;
    const { source, deadPeerMs } = this.#options;
    const session = new WatchSession({
      source,
      from: { resourceVersion: this.#resourceVersion, timeoutSeconds: Math.round(this.#between(watchSeconds)) },
      deadPeerMs: this.#between(deadPeerMs),
      clock,
      signal: this.#stopping.signal,
      onEvent: (event) => this.#hear(event),
    });
    this.#session = session;
    const end = await session.run();
    this.#session = undefined;
    this.#silences = end.error instanceof SilentWatch && !end.heard ? this.#silences + 1 : 0;
    if (end.error !== undefined && !(end.error instanceof OvertakenWatch)) this.#complain(end.error, 'a watch ended');
    if (end.error instanceof MalformedEvent) {
      this.#environment.telemetry?.count('kubeMalformedEvents', { name: this.name });
    }
    return afterWatch({ ...end, silences: this.#silences });
  }

  #hear(event: WatchEvent<T>): void {
    this.#contact();
    this.#failures = 0;
    const order = compareVersions(event.resourceVersion, this.#resourceVersion);
    if (order === undefined || order > 0) this.#resourceVersion = event.resourceVersion;
    if (event.type === 'bookmark') return;
    const object = this.#prepare(event.object);
    const change = event.type === 'put' ? this.#store.put(object) : this.#store.remove(object);
    if (change) this.#publish(change);
  }

  /** Now and then a full list, to see whether the watch told everything. Relists when it did not. */
  async #auditForEver(): Promise<void> {
    const { clock } = this.#environment;
    const { signal } = this.#stopping;
    const { auditMs } = this.#options;
    while (await slept(clock, this.#between([auditMs * 0.9, auditMs * 1.1]), signal)) {
      const session = this.#session;
      // Between two watches a list knows more than the cache, and rightly so.
      if (!session) continue;
      try {
        const listed = await this.#list('audit');
        if (!(await slept(clock, lagMs, signal))) return;
        if (session === this.#session) this.#judge(session, missedKeys(this.#store, listed));
      } catch (error) {
        this.#complain(error, 'an audit failed');
      }
    }
  }

  #judge(session: WatchSession<T>, missed: readonly string[]): void {
    if (missed.length === 0) return;
    const { log, telemetry } = this.#environment;
    telemetry?.count('kubeMissedEvents', { name: this.name }, missed.length);
    log.error({ reflector: this.name, missed: missed.length, keys: missed.slice(0, 10) }, 'the watch missed changes');
    session.end(new DeafWatch(missed.length));
  }

  #publish(change: Change<T>): void {
    for (const handler of this.#handlers) this.#call(handler, change);
  }

  #call(handler: Handler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#environment.log.error({ reflector: this.name, key: change.key, error }, 'a handler threw');
    }
  }

  /** Frozen, since it will be shared. */
  #prepare(object: T): T {
    const { keep, keepManagedFields } = this.#options;
    return deepFreeze(shareTexts(keep(keepManagedFields ? object : withoutManagedFields(object))));
  }

  #contact(): void {
    const { clock, telemetry } = this.#environment;
    this.#contactMs = clock.nowMs();
    telemetry?.gauge('kubeLastContactSeconds', { name: this.name }, clock.epochMs() / 1000);
  }

  #complain(error: unknown, what: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#environment.log.warn({ reflector: this.name, error: describeError(error) }, what);
  }

  #between([min, max]: readonly [number, number]): number {
    return min + (max - min) * this.#environment.rng();
  }
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
