import type { Cluster } from './cluster.ts';
import { kubectl } from './kubectl.ts';

/** One object as JSON; undefined when it is not there. */
export async function get<T = Record<string, unknown>>(
  cluster: Cluster,
  kind: string,
  name: string,
): Promise<T | undefined> {
  const { code, stdout } = await cluster.kubectl(['get', kind, name, '-o', 'json']);
  // What the API server says; the caller names the part that it reads.
  return code === 0 ? (JSON.parse(stdout) as T) : undefined;
}

/** Every object of a kind, by a selector. */
export async function list<T = Record<string, unknown>>(
  cluster: Cluster,
  kind: string,
  ...args: string[]
): Promise<T[]> {
  const { items } = JSON.parse(await kubectl(cluster, ['get', kind, ...args, '-o', 'json'])) as { items: T[] };
  return items;
}
