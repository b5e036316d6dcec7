import type { KubeClient } from '../client/client.ts';
import type { Scope } from '../client/options.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

/** Objects in one chunk: parsing a hundred pods holds the event loop for about 10 ms. */
const chunkItems = 100;

export type ListWatchOptions<T> = {
  signal: AbortSignal;
  /** Applied to each object as it comes, so that the work on a long list is spread over its chunks. */
  each: (object: T) => T;
};

/** Where a reflector hears of objects. */
export interface ListWatch<T extends KubeObject> {
  readonly resource: Resource<T>;
  /**
   * Everything as it is now, in chunks. A list at resource version 0 would be cheaper for the server, and may be older
   * than what was seen before a restart; it also comes in one piece: 40 MB for 5,000 pods.
   */
  list(options: ListWatchOptions<T>): Promise<{ items: T[]; resourceVersion: string }>;
  /** Lines of JSON, from just after the resource version until the server ends it. */
  watch(from: { resourceVersion: string; timeoutSeconds: number }, signal: AbortSignal): AsyncIterable<string>;
}

export const listWatch = <T extends KubeObject>(
  client: KubeClient,
  of: Resource<T>,
  scope: Scope = {},
): ListWatch<T> => ({
  resource: of,
  list: (options) => client.list(of, { ...scope, ...options, limit: chunkItems }),
  watch: (from, signal) => client.watch(of, { ...scope, ...from, signal }),
});
