import { FleetError } from '@qwenfleet/core/errors';
import type { Discovery, DiscoveryParts } from './discovery.ts';
import { kubeDiscovery } from './kube/kube.ts';
import { localDiscovery } from './local/local.ts';
import { staticDiscovery } from './static/static.ts';

/** Every discovery by the name that `--discovery` takes. */
const discoveries: ReadonlyMap<string, (parts: DiscoveryParts) => Discovery> = new Map([
  ['local', ({ process }) => localDiscovery(process)],
  ['kube', ({ secret, namespace }) => kubeDiscovery({ secretName: secret, namespace })],
  ['static', ({ file, process }) => staticDiscovery({ file, signals: process })],
]);

export const discoveryNames: readonly string[] = [...discoveries.keys()];

/** Throws `invalid_config` when there is none of that name, or when it cannot be made from what is given. */
export function createDiscovery(name: string, parts: DiscoveryParts): Discovery {
  const create = discoveries.get(name);
  if (create) return create(parts);
  throw new FleetError('invalid_config', `--discovery ${name}: there is ${discoveryNames.join(', ')}.`);
}
