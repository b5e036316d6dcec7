import { FleetError } from '@qwenfleet/core/errors';
import { compareVersions, keyOf, type KubeObject } from '../object.ts';
import { deepFreeze } from './freeze.ts';

/** Names under which an object is found besides its key: values of a label, uids of owners. */
export type Indexer<T> = (object: T) => readonly string[];

export type Change<T> =
  | { type: 'added'; key: string; object: T }
  | { type: 'updated'; key: string; object: T; previous: T }
  | { type: 'deleted'; key: string; object: T };

/** What readers may do. Objects are shared between all of them, and frozen. */
export interface Cache<T> {
  get(key: string): T | undefined;
  /** All, or all of a namespace. */
  list(namespace?: string): readonly T[];
  /** Those that the index has under the value. Throws `invalid_request` where there is no such index. */
  by(index: string, value: string): readonly T[];
  readonly size: number;
}

/** Every store has it, for `list`. */
const namespaceIndex = 'namespace';
/** Deletions remembered, so that an event older than one cannot bring the object back. */
const tombstonesMax = 1_000;

/** The objects of one kind as last heard of. Whatever is older than what it holds is refused. */
export class Store<T extends KubeObject> implements Cache<T> {
  readonly #indexers: Readonly<Record<string, Indexer<T>>>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #tombstones = new Map<string, string>();

  constructor(indexers: Readonly<Record<string, Indexer<T>>> = {}) {
    this.#indexers = {
      ...indexers,
      [namespaceIndex]: ({ metadata }) => (metadata.namespace === undefined ? [] : [metadata.namespace]),
    };
    for (const name of Object.keys(this.#indexers)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.by(namespaceIndex, namespace);
  }

  by(index: string, value: string): readonly T[] {
    const entries = this.#indexes.get(index);
    if (!entries) throw new FleetError('invalid_request', `The cache has no index "${index}".`);
    return [...(entries.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Whether the object is newer than what is held, or than its own deletion. */
  isNews(object: T): boolean {
    const key = keyOf(object);
    const known = this.#objects.get(key)?.metadata.resourceVersion ?? this.#tombstones.get(key);
    const order = compareVersions(object.metadata.resourceVersion, known);
    return order === undefined || order > 0;
  }

  /** Takes an object as told by a watch; undefined where it is not news. */
  put(object: T): Change<T> | undefined {
    return this.isNews(object) ? this.#set(keyOf(object), object) : undefined;
  }

  /** Takes a deletion as told by a watch, with the object's last state. */
  remove(last: T): Change<T> | undefined {
    const key = keyOf(last);
    if (!this.isNews(last) && this.#objects.get(key)?.metadata.resourceVersion !== last.metadata.resourceVersion) {
      return undefined;
    }
    // Buried though it is not held: the event that made it may come after the one that took it away.
    this.#bury(key, last.metadata.resourceVersion);
    return this.#delete(key);
  }

  /** Takes a full list as the truth, and says what that changed. */
  replace(objects: readonly T[]): Change<T>[] {
    const keys = new Set(objects.map(keyOf));
    const gone = [...this.#objects.keys()].filter((key) => !keys.has(key)).flatMap((key) => this.#delete(key) ?? []);
    this.#tombstones.clear();
    const changes = objects.flatMap((object) => {
      const key = keyOf(object);
      const same = this.#objects.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion;
      return same && object.metadata.resourceVersion !== undefined ? [] : this.#set(key, object);
    });
    return [...gone, ...changes];
  }

  #set(key: string, object: T): Change<T> {
    const previous = this.#objects.get(key);
    if (previous) this.#unindex(key, previous);
    this.#tombstones.delete(key);
    this.#objects.set(key, deepFreeze(object));
    for (const [name, value] of this.#entriesOf(object)) {
      const keys = this.#indexes.get(name)?.get(value);
      if (keys) keys.add(key);
      else this.#indexes.get(name)?.set(value, new Set([key]));
    }
    return previous ? { type: 'updated', key, object, previous } : { type: 'added', key, object };
  }

  #delete(key: string): Change<T> | undefined {
    const object = this.#objects.get(key);
    if (!object) return undefined;
    this.#unindex(key, object);
    this.#objects.delete(key);
    return { type: 'deleted', key, object };
  }

  #unindex(key: string, object: T): void {
    for (const [name, value] of this.#entriesOf(object)) {
      const values = this.#indexes.get(name);
      const keys = values?.get(value);
      keys?.delete(key);
      if (keys?.size === 0) values?.delete(value);
    }
  }

  #entriesOf(object: T): [name: string, value: string][] {
    return Object.entries(this.#indexers).flatMap(([name, valuesOf]) =>
      valuesOf(object).map((value): [string, string] => [name, value]),
    );
  }

  #bury(key: string, version: string | undefined): void {
    if (version === undefined) return;
    this.#tombstones.delete(key);
    this.#tombstones.set(key, version);
    const [oldest] = this.#tombstones.keys();
    if (this.#tombstones.size > tombstonesMax && oldest !== undefined) this.#tombstones.delete(oldest);
  }
}
