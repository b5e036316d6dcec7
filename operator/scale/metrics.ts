import type { MetricName, Signal } from './types.ts';

/** What one router says of a pool. */
export type RouterSample = { inFlight: number; held: number; idleMs?: number | undefined };

/** What one replica says of itself. */
export type ReplicaSample = {
  queued: number;
  kvTokens: number;
  kvTokensMax: number;
  /** Undefined while nobody knows: who has heard a counter once has no rate. */
  completionTokensPerSecond: number | undefined;
};

/** Everything known of a pool's load at one moment. Whoever gathers it leaves out what is too old to be believed. */
export type PoolSample = {
  ready: number;
  /** Requests that one replica works on at once. */
  slots: number;
  /** One for each router there should be; undefined for one that does not report. */
  routers: readonly (RouterSample | undefined)[];
  /** Ready replicas that report. */
  replicas: readonly ReplicaSample[];
};

/** One thing to scale by. */
type Metric = {
  /** The target per replica where the spec names none. */
  defaultTarget(maxConcurrency: number): number;
  /** Over the whole pool, all replicas together; undefined when nobody measures it. */
  total(pool: PoolSample, demand: { inFlight: number; held: number }, target: number): number | undefined;
};

/** Share of what a replica can do at once that it is meant to do: the rest absorbs what comes while another starts. */
const concurrencyUse = 0.7;

export const metrics: Readonly<Record<MetricName, Metric>> = {
  /** Requests in flight, and those that wait. */
  Concurrency: {
    defaultTarget: (maxConcurrency) => concurrencyUse * maxConcurrency,
    total: (_pool, { inFlight, held }) => inFlight + held,
  },
  /** Requests that wait: at the router, and beyond what the replicas work on at once. */
  QueueDepth: {
    defaultTarget: () => 8,
    total: ({ ready, slots, replicas }, { inFlight, held }) => {
      const queued = replicas.reduce((sum, replica) => sum + replica.queued, 0);
      return held + Math.max(queued, inFlight - ready * slots, 0);
    },
  },
  /** Percent of the KV cache in use, summed over replicas. */
  KVCache: {
    defaultTarget: () => 80,
    total: (pool, _demand, target) =>
      overReplicas(pool, target, ({ kvTokens, kvTokensMax }) => (100 * kvTokens) / Math.max(1, kvTokensMax)),
  },
  /** Tokens decoded in a second, summed over replicas. */
  TokensPerSecond: {
    defaultTarget: () => 1000,
    total: (pool, _demand, target) => overReplicas(pool, target, (replica) => replica.completionTokensPerSecond),
  },
};

/** Does only an engine know it? Routers count requests, not what these take. */
export const isEngineMetric = (metric: MetricName): boolean => metric === 'KVCache' || metric === 'TokensPerSecond';

/** What the scaler needs to know of a pool; undefined when no router reports, since then nobody knows of demand. */
export function signalOf(metric: MetricName, pool: PoolSample, target: number): Signal | undefined {
  const routers = pool.routers.filter((router) => router !== undefined);
  if (routers.length === 0) return undefined;
  const inFlight = routers.reduce((sum, router) => sum + router.inFlight, 0);
  const held = routers.reduce((sum, router) => sum + router.held, 0);
  const idle = routers.flatMap(({ idleMs }) => idleMs ?? []);
  return {
    value: metrics[metric].total(pool, { inFlight, held }, target),
    inFlight,
    held,
    idleMs: idle.length === 0 ? undefined : Math.min(...idle),
    partial: routers.length < pool.routers.length,
  };
}

/** A replica that does not report counts as being at the target: on its account nothing is added and nothing removed. */
function overReplicas(
  { ready, replicas }: PoolSample,
  target: number,
  value: (replica: ReplicaSample) => number | undefined,
): number | undefined {
  const values = replicas.map(value).filter((each) => each !== undefined);
  if (ready > 0 && values.length === 0) return undefined;
  const reported = values.reduce((sum, each) => sum + each, 0);
  return reported + Math.max(0, ready - values.length) * target;
}
