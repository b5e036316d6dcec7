import type { KubeClient } from '../client/client.ts';
import type { Scope } from '../client/options.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

export type ListWatchOptions<T> = {
  signal: AbortSignal;
  /** Applied to each object as it comes, so that the work on a long list is spread over its chunks. */
  each: (object: T) => T;
};

/** Where a reflector hears of objects. */
export interface ListWatch<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** `cached` may be a little old and comes in one piece from the server's memory; `newest` is neither. */
  list(from: 'cached' | 'newest', options: ListWatchOptions<T>): Promise<{ items: T[]; resourceVersion: string }>;
  /** Lines of JSON, from just after the resource version until the server ends it. */
  watch(from: { resourceVersion: string; timeoutSeconds: number }, signal: AbortSignal): AsyncIterable<string>;
}

export const listWatch = <T extends KubeObject>(
  client: KubeClient,
  of: Resource<T>,
  scope: Scope = {},
): ListWatch<T> => ({
  resource: of,
  list: (from, options) =>
    client.list(of, { ...scope, ...options, ...(from === 'cached' ? { resourceVersion: '0' } : {}) }),
  watch: (from, signal) => client.watch(of, { ...scope, ...from, signal }),
});
