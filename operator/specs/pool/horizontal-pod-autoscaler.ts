import type { IHorizontalPodAutoscalerSpec } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscalerSpec';
import { poolLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';
import { scalingBehavior } from './scaling-behavior.ts';
import { scaleTarget, scalingSignals } from './scaling-signal.ts';

/**
 * Has a HorizontalPodAutoscaler scale the pool by external metrics, which an adapter must serve from Prometheus;
 * undefined where nothing says how much there is to do.
 */
export function horizontalPodAutoscaler(pool: Pool): KubeObject<{ spec: IHorizontalPodAutoscalerSpec }> | undefined {
  const { deployment, name, resolved, capabilities } = pool;
  const { scaling } = deployment.spec;
  const signals = scaling ? scalingSignals(pool, scaling) : [];
  if (!scaling || signals.length === 0) return undefined;
  const labels = poolLabels(name, resolved.tier);
  return child(
    deployment,
    { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name, labels },
    {
      spec: {
        scaleTargetRef: scaleTarget(pool),
        minReplicas: Math.max(capabilities.hpaScaleToZero ? 0 : 1, scaling.minReplicas),
        maxReplicas: Math.max(1, scaling.maxReplicas),
        behavior: scalingBehavior(scaling),
        metrics: signals.map(({ metric, targetPerReplica }) => ({
          type: 'External',
          external: {
            metric: { name: metric, selector: { matchLabels: { pool: name } } },
            // A quantity has no floats; thousandths are enough.
            target: { type: 'AverageValue', averageValue: `${Math.max(1, Math.round(targetPerReplica * 1000))}m` },
          },
        })),
      },
    },
  );
}
