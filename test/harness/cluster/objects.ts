import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../house/imports.ts';
import type { Cluster } from './cluster.ts';

/** Runs kubectl; throws with what it said when it fails. */
export async function must(cluster: Cluster, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args, input);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

export const apply = (cluster: Cluster, yaml: string): Promise<string> => must(cluster, ['apply', '-f', '-'], yaml);

/** The custom resource definitions, ready to be used. */
export async function installCrds(cluster: Cluster): Promise<void> {
  const files = globSync(path.join(root, 'crds/generated/*.yaml'));
  await apply(cluster, files.map((file) => readFileSync(file, 'utf8')).join('\n---\n'));
  await must(cluster, ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
}

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
  const { items } = JSON.parse(await must(cluster, ['get', kind, ...args, '-o', 'json'])) as { items: T[] };
  return items;
}
