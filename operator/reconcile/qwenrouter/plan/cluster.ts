import { poolsMax } from '@qwenfleet/core/fleet/router-config';
import type { Capabilities, Integrations } from '../../../specs/capabilities.ts';
import type { KubeObject } from '../../../specs/object.ts';
import { routerObjects } from '../../../specs/router/objects.ts';
import { portOf } from '../../../specs/weights/endpoint.ts';
import { selects } from '@qwenfleet/crds/fleet-file/selector';
import { planRouter, type RouterPlan, type RouterPlanInput } from '../plan.ts';

/** `pools` are all of the namespace. */
export type ClusterRouterInput = Omit<RouterPlanInput, 'listen'> & {
  image: string;
  capabilities: Capabilities;
  integrations: Integrations;
};

export type ClusterRouter = {
  /** Undefined while no pool is selected, or too many are: there is nothing that a router could be told. */
  plan: RouterPlan | undefined;
  /** How many pools the selector takes. */
  selected: number;
  /** A pool of the namespace has the router's name, and with it the names of the router's objects. */
  nameConflict: boolean;
  /** In the order in which they are applied. */
  objects: readonly KubeObject[];
  /** May objects of the router that are not among these be deleted? */
  prune: boolean;
};

/** Everything that a router is in a cluster. Pure: the same input gives the same objects, byte by byte. */
export function clusterRouter(input: ClusterRouterInput): ClusterRouter {
  const { router, image, capabilities, integrations } = input;
  // The API server lists them in no order that lasts: another order would be another Secret.
  const pools = input.pools.toSorted((a, b) => (a.resolved.name < b.resolved.name ? -1 : 1));
  const taken = pools.filter(({ deployment }) => selects(router.spec.pools.selector, deployment));
  const tellable = taken.length > 0 && taken.length <= poolsMax;
  // Its own port in the pod is not that of its Service; the Secret is written with it.
  const plan = tellable ? planRouter({ ...input, pools, listen: { host: '0.0.0.0' } }) : undefined;
  const nameConflict = pools.some(({ deployment }) => deployment.metadata.name === router.metadata.name);
  const found = { plan, selected: taken.length, nameConflict };
  if (router.spec.paused || nameConflict) return { ...found, objects: [], prune: false };
  const addresses = [router.spec.tracing?.endpoint, ...taken.map(({ deployment }) => deployment.spec.engine.url)];
  const externalPorts = addresses.flatMap((address) => portOf(address ?? '') ?? []);
  const objects = routerObjects({ router, config: plan?.config, externalPorts, image, capabilities, integrations });
  // Routers keep the Secret that they have while nothing new can be told.
  return { ...found, objects, prune: plan !== undefined };
}
