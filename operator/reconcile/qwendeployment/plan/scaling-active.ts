import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { isEngineMetric } from '../../../scale/metrics.ts';
import { scheduleProblems } from '../../../scale/schedule.ts';
import { fails, holds, type Finding } from '../../conditions.ts';
import type { Observed } from './observed.ts';
import type { Resolved } from './resolve.ts';

type Spec = QwenDeployment['spec'];
type Scaling = NonNullable<Spec['scaling']>;

const type = 'ScalingActive';

/** Has the scaler a signal, and may it act? */
export function scalingActive({
  spec,
  resolved,
  observed,
}: {
  spec: Spec;
  resolved: Resolved;
  observed: Observed;
}): Finding {
  if (resolved.engine.type === 'external') return fails(type, 'Disabled', 'an external server has replicas of its own');
  if (!spec.scaling) return fails(type, 'Disabled', `spec.scaling is not set: always ${observed.desired}`);
  if (spec.suspend || spec.paused) return fails(type, 'Disabled', 'the pool is suspended or paused');
  if (spec.scaling.owner !== 'Internal') return outsideScaling(spec.scaling, observed);
  const [problem] = scheduleProblems(spec.scaling.schedules ?? []);
  if (problem !== undefined) return fails(type, 'InvalidSchedule', problem);
  return withoutSignal(spec.scaling.target.metric, resolved, observed) ?? decided(spec.scaling, observed);
}

/** Why the scaler does not hear what it needs; undefined while it does. */
function withoutSignal(
  metric: Scaling['target']['metric'],
  { engine }: Resolved,
  { hasSignal, replicaLoads, replicas }: Observed,
): Finding | undefined {
  const ofEngines = isEngineMetric(metric);
  if (ofEngines && replicaLoads === undefined) return metricNotFound(metric, engine.type);
  if (!hasSignal) return fails(type, 'NoSignal', 'the router does not report load: replicas stay as they are');
  const silent = replicaLoads === 0 && replicas.some(({ state }) => state === 'ready');
  if (!ofEngines || !silent) return undefined;
  return fails(type, 'NoSignal', `no replica reports ${metric}: replicas stay as they are`);
}

function decided({ mode, maxReplicas }: Scaling, { desired, scaling }: Observed): Finding {
  // Of the last decision, not of the last look: a message that moves with the load would be written at every tick.
  const reason = scaling?.history[0]?.reason ?? 'as started';
  if (mode === 'Recommend') return holds(type, 'Recommending', `would have ${scaling?.recommended}: ${reason}`);
  return holds(type, desired >= maxReplicas ? 'AtMax' : 'Active', `${desired} wanted: ${reason}`);
}

const metricNotFound = (metric: string, of: string): Finding =>
  fails(type, 'MetricNotFound', `nobody reports ${metric} of ${of} here; use Concurrency or QueueDepth`);

function outsideScaling({ owner, target }: Scaling, { outsideScaler }: Observed): Finding {
  if (owner === 'None') return fails(type, 'Disabled', 'scaling.owner is None: replicas are as you write them');
  if (outsideScaler === 'no-metric') return metricNotFound(target.metric, 'a pool that others scale');
  if (outsideScaler === 'active') return holds(type, 'ExternalOwner', `${owner} writes replicas`);
  if (outsideScaler === 'no-router') {
    return fails(type, 'ExternalOwner', `${owner} scales by what routers say, and no QwenRouter takes this pool`);
  }
  return fails(type, 'ExternalOwner', `${owner} writes replicas, and is not here to do it`);
}
