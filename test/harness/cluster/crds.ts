import path from 'node:path';
import { group, kinds } from '@qwenfleet/crds/kinds';
import { root } from '../../house/imports.ts';
import type { Cluster } from './cluster.ts';
import { kubectl } from './kubectl.ts';

export const crdFolder = path.join(root, 'crds/generated');

/** Applies the generated CRDs and waits until the API server serves them. Returns their names. */
export async function installCrds(cluster: Cluster): Promise<string[]> {
  await kubectl(cluster, ['apply', '--server-side', '-f', crdFolder]);
  const names = kinds.map(({ plural }) => `customresourcedefinition/${plural}.${group}`);
  await kubectl(cluster, ['wait', '--for=condition=Established', '--timeout=60s', ...names]);
  return names;
}
