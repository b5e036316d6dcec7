import { durationMs } from '@qwenfleet/core/duration';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { ScaleSpec } from './types.ts';

type Scaling = NonNullable<QwenDeployment['spec']['scaling']>;

/** Idle time before the last replica goes, where a pool that may reach zero does not say. */
export const scaleToZeroAfterMsDefault = 10 * 60_000;
/** Share of what a replica can do at once that it is meant to do: the rest absorbs what comes while another starts. */
const concurrencyUse = 0.7;

/** The scaling block with everything filled in; `maxConcurrency` is what one replica works on at once. */
export function scaleSpecOf(scaling: Scaling, maxConcurrency: number): ScaleSpec {
  const { metric, value } = scaling.target;
  const targets = { Concurrency: concurrencyUse * maxConcurrency, QueueDepth: 8, KVCache: 80, TokensPerSecond: 1000 };
  const afterMs =
    scaling.scaleToZeroAfter === undefined ? scaleToZeroAfterMsDefault : durationMs(scaling.scaleToZeroAfter);
  return {
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas,
    metric,
    targetPerReplica: value ?? targets[metric],
    stableMs: durationMs(scaling.window.stable),
    panicMs: durationMs(scaling.window.panic),
    panicThreshold: scaling.window.panicThreshold,
    rateUp: scaling.rate.up,
    rateDown: scaling.rate.down,
    scaleDownDelayMs: durationMs(scaling.scaleDownDelay),
    scaleToZeroAfterMs: scaling.minReplicas === 0 ? afterMs : undefined,
    mode: scaling.mode,
  };
}
