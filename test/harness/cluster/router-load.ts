import { eventually } from '../fleet.ts';
import { SteadyLoad } from '../steady-load.ts';
import type { Cluster } from './cluster.ts';
import { kubectl } from './kubectl.ts';

/** Load for a pool through the Service of the router `router`, once a first request has been answered. */
export async function loadThroughRouter(cluster: Cluster, pool: string): Promise<SteadyLoad> {
  const address = await kubectl(cluster, ['get', 'service', 'router', '-o', 'jsonpath={.spec.clusterIP}']);
  const load = new SteadyLoad(`http://${address}:8080`, pool);
  await eventually(
    () => load.ask(),
    ({ ok }) => ok,
    90_000,
    200,
  );
  return load;
}
