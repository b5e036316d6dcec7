import { metrics } from '@qwenfleet/core/telemetry/names';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { scaleSpecOf } from '../../scale/spec.ts';
import type { Pool } from './pool.ts';

type Scaling = NonNullable<QwenDeployment['spec']['scaling']>;

/** One series of the routers that says how much a pool has to do, and how much of it one replica is meant to have. */
export type ScalingSignal = { metric: string; targetPerReplica: number };

/**
 * The routers' series for each metric. Requests that wait for a replica are a series of their own: at zero replicas
 * nothing is in flight, and they alone say that one is needed. Engines report the last two, each in its own words.
 */
const series: Readonly<Record<Scaling['target']['metric'], readonly string[]>> = {
  Concurrency: [metrics.routerInFlight.name, metrics.routerHeld.name],
  QueueDepth: [metrics.routerHeld.name],
  KVCache: [],
  TokensPerSecond: [],
};

/** Does anybody serve the metric to scalers that are not this operator? */
export const scalableBy = (metric: Scaling['target']['metric']): boolean => series[metric].length > 0;

/** What others scale a pool by, as the routers serve it. */
export function scalingSignals({ resolved }: Pool, scaling: Scaling): ScalingSignal[] {
  const { targetPerReplica } = scaleSpecOf(scaling, resolved.maxConcurrency);
  return series[scaling.target.metric].map((metric) => ({ metric, targetPerReplica }));
}

/** The custom resource itself, whose `/scale` both KEDA and a HorizontalPodAutoscaler write. */
export const scaleTarget = ({ deployment }: Pool): { apiVersion: string; kind: string; name: string } => ({
  apiVersion: deployment.apiVersion,
  kind: deployment.kind,
  name: deployment.metadata.name,
});
