import type { LocalStatus, PoolStatus, ReplicaStatus } from '@qwenfleet/operator/local/status';
import { localStatus } from '@qwenfleet/cli/running-fleets';
import type { RunningFleet } from './fleet.ts';

/** What the fleet says of itself to `qwenfleet status`: processes, restarts, addresses. Throws when it does not. */
export async function statusOf(fleet: RunningFleet): Promise<LocalStatus> {
  const status = await localStatus(fleet.url, fleet.stateDir);
  if (!status) throw new Error(`the fleet at ${fleet.url} tells no status`);
  return status;
}

export async function poolOf(fleet: RunningFleet, name: string): Promise<PoolStatus> {
  const found = (await statusOf(fleet)).pools.find((pool) => pool.name === name);
  if (!found) throw new Error(`the fleet has no pool ${name}`);
  return found;
}

export type AnsweringReplica = ReplicaStatus & { pid: number; url: string };

/** The first replica of a pool that answers. Throws when none does. */
export async function replicaOf(fleet: RunningFleet, pool: string): Promise<AnsweringReplica> {
  const { replicas } = await poolOf(fleet, pool);
  for (const replica of replicas) {
    const { pid, url, state } = replica;
    if (state === 'ready' && pid !== undefined && url !== undefined) return { ...replica, pid, url };
  }
  throw new Error(`no replica of ${pool} answers`);
}

/** One figure from a process's metrics. Throws when it has none of that name. */
export async function metricOf(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`${url}/metrics has no ${name}`);
  return Number(value);
}
