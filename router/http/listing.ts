import type { ModelList } from '@qwenfleet/core/openai/response';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { Fleet } from '../fleet-view.ts';
import type { PoolStatusWord } from '../upstream/pool.ts';
import type { ReplicaLoads } from '../upstream/replica-loads.ts';

/** GET /v1/models: `auto`, then every pool by every name that it goes by; pools at zero included. */
export function modelList(fleet: Fleet, startedEpochMs: number): ModelList {
  const common = { object: 'model' as const, created: Math.floor(startedEpochMs / 1000), owned_by: 'qwenfleet' };
  const generating = fleet.pools.filter(
    (pool) => pool.config.task === 'generate' && fleet.namesOf(pool).includes(pool.config.name),
  );
  const auto = {
    ...common,
    id: 'auto',
    status: nearest(generating.map(({ status }) => status)),
    context_length: Math.max(0, ...generating.map(({ config }) => config.contextLength)),
  };
  const pools = fleet.pools.flatMap((pool) =>
    fleet.namesOf(pool).map((id) => ({
      ...common,
      id,
      status: pool.status,
      ...(pool.config.adapters?.includes(id) ? { parent: pool.config.name } : {}),
      pool: pool.config.name,
      tier: pool.config.tier,
      context_length: pool.config.contextLength,
    })),
  );
  return { object: 'list', data: generating.length > 0 ? [auto, ...pools] : pools };
}

/** `auto` is as near to an answer as the nearest of its pools. */
function nearest(statuses: readonly PoolStatusWord[]): PoolStatusWord {
  const byNearness: readonly PoolStatusWord[] = ['ready', 'starting', 'scaled-to-zero', 'unavailable'];
  return byNearness.find((status) => statuses.includes(status)) ?? 'unavailable';
}

/** GET /v1/pools: what each pool is and does at this moment. */
export function poolList(fleet: Fleet): { pools: Record<string, unknown>[] } {
  return {
    pools: fleet.pools.map((pool) => {
      const { name, tier, description, costPerToken, task, price, objectives } = pool.config;
      const { inFlight, held } = pool.report;
      return {
        name,
        tier,
        task,
        description,
        costPerToken,
        status: pool.status,
        ready: pool.ready,
        desired: pool.desired,
        starting: pool.starting,
        inFlight,
        held,
        ...(price ? { price } : {}),
        ...(objectives ? { objectives } : {}),
        answered: pool.ledger.report,
        ...(pool.problem === undefined ? {} : { problem: pool.problem }),
      };
    }),
  };
}

/** GET /v1/replicas: every server of every pool, with what engines of ours say of themselves. */
export async function replicaList(fleet: Fleet, loads: ReplicaLoads): Promise<{ replicas: Record<string, unknown>[] }> {
  const all = fleet.pools.flatMap((pool) => pool.replicas.map((replica) => ({ pool: pool.config, ...replica })));
  const reports = await loads.of(all.flatMap(({ pool, url }) => (pool.engine === 'qwen' ? [url] : [])));
  return {
    replicas: all.map(({ pool, id, url, revision, draining, inFlight }) => {
      const report = reports.get(url);
      return {
        pool: pool.name,
        id,
        ...(revision === undefined ? {} : { revision }),
        state: report?.state ?? (draining ? 'draining' : 'ready'),
        inFlight,
        ...(report ? { engine: engineOf(report) } : {}),
      };
    }),
  };
}

/** What is of use to somebody who watches. */
const engineOf = ({
  slots,
  running,
  queued,
  kvTokens,
  kvTokensMax,
  promptTokensPerSecond,
  completionTokensPerSecond,
}: LoadReport): Record<string, number> => ({
  slots,
  running,
  queued,
  kvTokens,
  kvTokensMax,
  promptTokensPerSecond,
  completionTokensPerSecond,
});
