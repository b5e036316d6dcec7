import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { StatusError } from '../client/status-error.ts';
import { configMaps, type ConfigMap } from '../kinds.ts';
import type { ListWatch, ListWatchOptions } from '../reflector/list-watch.ts';

type Logged = { version: number; line: string };
type Watch = { lines: string[]; error: unknown; ended: boolean; silent: boolean; wake: () => void };

const bookmarkMs = 60_000;

/** The part of an API server that a reflector sees, on a clock that a test owns: versions, lists, watches, and faults. */
export class ModelApi implements ListWatch<ConfigMap> {
  readonly resource = configMaps;
  lists = 0;
  readonly watchesFrom: string[] = [];
  /** Thrown by the next lists, one each. */
  listErrors: unknown[] = [];
  /** Thrown by the next watches, one each. */
  watchErrors: unknown[] = [];
  /** Changes are not told to open watches. */
  deaf = false;
  /** Each event is told twice. */
  duplicating = false;
  readonly #clock: Clock;
  readonly #objects = new Map<string, ConfigMap>();
  #log: Logged[] = [];
  #version = 100;
  #watches = new Set<Watch>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get objects(): Map<string, ConfigMap> {
    return new Map(this.#objects);
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  put(name: string, value: string): void {
    const type = this.#objects.has(name) ? 'MODIFIED' : 'ADDED';
    const object = this.#object(name, value);
    this.#objects.set(name, object);
    this.#tell(type, object);
  }

  remove(name: string): void {
    const held = this.#objects.get(name);
    if (!held) return;
    this.#objects.delete(name);
    this.#tell('DELETED', this.#object(name, held.data?.['value'] ?? ''));
  }

  /** Forgets the past: whoever resumes from it gets 410. */
  compact(): void {
    this.#log = [];
  }

  /** The watches end: with an error, or as they do when their time is up. */
  endWatches(error?: unknown): void {
    for (const watch of this.#watches) {
      watch.error = error;
      watch.ended = true;
      watch.wake();
    }
  }

  /** The watches stay open, and never say a word again: a half-open connection. */
  silence(): void {
    for (const watch of this.#watches) watch.silent = true;
  }

  /** A line as it is, to every watch. */
  send(line: string): void {
    for (const watch of this.#watches) this.#deliver(watch, line);
  }

  list({ signal, each }: ListWatchOptions<ConfigMap>): Promise<{ items: ConfigMap[]; resourceVersion: string }> {
    signal.throwIfAborted();
    this.lists += 1;
    const error = this.listErrors.shift();
    if (error !== undefined) return Promise.reject(error);
    return Promise.resolve({ items: [...this.#objects.values()].map(each), resourceVersion: String(this.#version) });
  }

  async *watch({ resourceVersion }: { resourceVersion: string }, signal: AbortSignal): AsyncGenerator<string> {
    this.watchesFrom.push(resourceVersion);
    const error = this.watchErrors.shift();
    if (error !== undefined) throw error;
    const from = Number(resourceVersion);
    if (from < (this.#log[0]?.version ?? this.#version + 1) - 1) throw gone();
    const watch: Watch = { lines: [], error: undefined, ended: false, silent: false, wake: () => undefined };
    for (const { version, line } of this.#log) if (version > from) watch.lines.push(line);
    this.#watches.add(watch);
    const over = new AbortController();
    void this.#bookmarks(watch, AbortSignal.any([signal, over.signal]));
    try {
      for (;;) {
        signal.throwIfAborted();
        const line = watch.lines.shift();
        if (line !== undefined) yield line;
        else if (watch.error !== undefined) throw watch.error;
        else if (watch.ended) return;
        else await nextWake(watch, signal);
      }
    } finally {
      over.abort();
      this.#watches.delete(watch);
    }
  }

  async #bookmarks(watch: Watch, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#clock.sleep(bookmarkMs, signal);
        const object = { metadata: { resourceVersion: String(this.#version) } };
        this.#deliver(watch, JSON.stringify({ type: 'BOOKMARK', object }));
      }
    } catch {
      // The watch is over.
    }
  }

  #object(name: string, value: string): ConfigMap {
    this.#version += 1;
    const metadata = {
      name,
      namespace: 'default',
      resourceVersion: String(this.#version),
      managedFields: [{ manager: 'model' }],
    };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } };
  }

  #tell(type: string, object: ConfigMap): void {
    const line = JSON.stringify({ type, object });
    this.#log.push({ version: this.#version, line });
    if (this.deaf) return;
    for (const watch of this.#watches) {
      this.#deliver(watch, line);
      if (this.duplicating) this.#deliver(watch, line);
    }
  }

  #deliver(watch: Watch, line: string): void {
    if (watch.silent || watch.ended) return;
    watch.lines.push(line);
    watch.wake();
  }
}

const nextWake = (watch: Watch, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    watch.wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

export const gone = (): StatusError =>
  new StatusError({ statusCode: 410, reason: 'Expired', message: 'too old resource version' });
export const reset = (): FleetError => new FleetError('upstream_failed', 'The connection was reset.');
