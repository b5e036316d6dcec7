import type { FleetClient } from '../client.ts';
import type { CliConfig } from '../config.ts';
import { reachEndpoint, type Reach } from '../endpoint.ts';
import type { Exit } from '../failure.ts';
import { localStatus } from '../running-fleets.ts';
import { renderStatus, type FleetStatus } from '../status-table.ts';
import type { Terminal } from '../terminal.ts';
import { poolsSchema } from '../wire.ts';

export type StatusOptions = { reach: Reach; wide: boolean; terminal: Terminal; config: CliConfig };

/** Pools and what they are doing: from the fleet that runs on this machine, else from the endpoint itself. */
export async function status({ reach, wide, terminal, config }: StatusOptions): Promise<Exit> {
  const client = await reachEndpoint(reach, config);
  const seen = (await localStatus(client.url, config.stateDir)) ?? (await remoteStatus(client));
  if (terminal.json) terminal.printJson(seen);
  else terminal.print(renderStatus(seen, { wide, width: terminal.width }));
  return 'ok';
}

async function remoteStatus(client: FleetClient): Promise<FleetStatus> {
  const { pools } = await client.get('/v1/pools', poolsSchema);
  return {
    url: client.url,
    pools: pools.map((pool) => ({ ...pool, model: pool.description, replicas: [] })),
  };
}
