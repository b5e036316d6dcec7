import type { KubeClient } from '../client/client.ts';
import type { Scope } from '../client/options.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

/** Where a reflector hears of objects. */
export interface ListWatch<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** `cached` may be a little old and comes in one piece from the server's memory; `newest` is neither. */
  list(from: 'cached' | 'newest', signal: AbortSignal): Promise<{ items: T[]; resourceVersion: string }>;
  /** Lines of JSON, from just after the resource version until the server ends it. */
  watch(from: { resourceVersion: string; timeoutSeconds: number }, signal: AbortSignal): AsyncIterable<string>;
}

export const listWatch = <T extends KubeObject>(
  client: KubeClient,
  of: Resource<T>,
  scope: Scope = {},
): ListWatch<T> => ({
  resource: of,
  list: (from, signal) => client.list(of, { ...scope, signal, ...(from === 'cached' ? { resourceVersion: '0' } : {}) }),
  watch: (from, signal) => client.watch(of, { ...scope, ...from, signal }),
});
