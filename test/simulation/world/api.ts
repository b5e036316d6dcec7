import { versionOf, type Bodies, type Kind, type Stored } from './objects.ts';

/** The name of the one pool, and of what there is once. */
export const only = 'pool';

export type Change<K extends Kind> = { type: 'put' | 'remove'; kind: K; object: Stored<K> };
/** Who writes, and the version that it has read: 0 where there was none. */
export type Writer = { by: string; basis: number };
type Shelves = { [K in Kind]: Map<string, Stored<K>> };

/** An API server: objects with versions that only grow, writes that are refused when they rest on an old one. */
export class Api {
  /** Whoever asks gets no answer. */
  down = false;
  /** False lets every write through, to show that somebody would notice. */
  locks = true;
  readonly #shelves: Shelves = {
    pool: new Map(),
    workload: new Map(),
    pod: new Map(),
    traffic: new Map(),
    lease: new Map(),
  };
  readonly #listeners = new Set<(change: Change<Kind>) => void>();
  #version = 0;

  get<K extends Kind>(kind: K, name: string): Stored<K> | undefined {
    return this.#shelves[kind].get(name);
  }

  list<K extends Kind>(kind: K): Stored<K>[] {
    return [...this.#shelves[kind].values()];
  }

  /** Undefined when the version is not the one that the writer has read. */
  write<K extends Kind>(kind: K, name: string, body: Bodies[K], { basis }: Writer): Stored<K> | undefined {
    if (this.locks && versionOf(this.get(kind, name)) !== basis) return undefined;
    return this.put(kind, name, body);
  }

  put<K extends Kind>(kind: K, name: string, body: Bodies[K]): Stored<K> {
    this.#version += 1;
    // One that is made anew is another, whatever its name.
    const uid = this.get(kind, name)?.metadata.uid ?? String(this.#version);
    const metadata = { name, uid, resourceVersion: String(this.#version) };
    const object: Stored<K> = { apiVersion: 'v1', kind, metadata, body };
    this.#shelves[kind].set(name, object);
    this.#tell({ type: 'put', kind, object });
    return object;
  }

  remove(kind: Kind, name: string): void {
    const last = this.get(kind, name);
    if (!last) return;
    this.#version += 1;
    this.#shelves[kind].delete(name);
    const metadata = { ...last.metadata, resourceVersion: String(this.#version) };
    this.#tell({ type: 'remove', kind, object: { ...last, metadata } });
  }

  /** Tells of every change from now on. Returns what ends it. */
  follow(listener: (change: Change<Kind>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: Change<Kind>): void {
    for (const listener of this.#listeners) listener(change);
  }
}
