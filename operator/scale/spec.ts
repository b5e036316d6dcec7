import { durationMs } from '@qwenfleet/core/duration';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { metrics } from './metrics.ts';
import { scheduleOf } from './schedule.ts';
import type { ScaleSpec } from './types.ts';

type Scaling = NonNullable<QwenDeployment['spec']['scaling']>;

/** Idle time before the last replica goes, where a pool that may reach zero does not say. */
export const scaleToZeroAfterMsDefault = 10 * 60_000;

/** The scaling block with everything filled in; `maxConcurrency` is what one replica works on at once. */
export function scaleSpecOf(scaling: Scaling, maxConcurrency: number): ScaleSpec {
  const { metric, value } = scaling.target;
  const schedules = (scaling.schedules ?? []).map(scheduleOf);
  const mayBeZero = scaling.minReplicas === 0 || schedules.some(({ minReplicas }) => minReplicas === 0);
  const afterMs =
    scaling.scaleToZeroAfter === undefined ? scaleToZeroAfterMsDefault : durationMs(scaling.scaleToZeroAfter);
  return {
    mode: scaling.mode,
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas,
    metric,
    targetPerReplica: value ?? metrics[metric].defaultTarget(maxConcurrency),
    stableMs: durationMs(scaling.window.stable),
    panicMs: durationMs(scaling.window.panic),
    panicThreshold: scaling.window.panicThreshold,
    rateUp: scaling.rate.up,
    rateDown: scaling.rate.down,
    scaleDownDelayMs: durationMs(scaling.scaleDownDelay),
    scaleToZeroAfterMs: mayBeZero ? afterMs : undefined,
    schedules,
    boundsFrom: undefined,
  };
}
