import type { IScaledObjectSpec } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObjectSpec';
import { scaleToZeroAfterMsDefault } from '../../scale/spec.ts';
import { poolLabels } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import { secondsOf } from '../seconds.ts';
import type { Pool } from './pool.ts';
import { scalingBehavior } from './scaling-behavior.ts';
import { scaleTarget, scalingSignals, type ScalingSignal } from './scaling-signal.ts';

const pollingSeconds = 5;

/** Where the routers that send to a pool serve their metrics: a Service, all of whose pods are asked. */
export type RouterService = { name: string; port: number };

/**
 * Has KEDA scale the pool by what its routers say, to zero and back; undefined where nothing says it. Every router pod
 * is asked and the answers added up: KEDA 2.17 is the first that can.
 */
export function scaledObject(pool: Pool, router: RouterService): KubeObject<{ spec: IScaledObjectSpec }> | undefined {
  const { deployment, name, resolved } = pool;
  const { scaling } = deployment.spec;
  const signals = scaling ? scalingSignals(pool, scaling) : [];
  if (!scaling || signals.length === 0) return undefined;
  const { minReplicas, maxReplicas, scaleToZeroAfter } = scaling;
  const head = { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name, labels: poolLabels(name, resolved.tier) };
  return child(deployment, head, {
    spec: {
      scaleTargetRef: scaleTarget(pool),
      minReplicaCount: minReplicas,
      maxReplicaCount: maxReplicas,
      pollingInterval: pollingSeconds,
      cooldownPeriod: secondsOf(scaleToZeroAfter ?? `${scaleToZeroAfterMsDefault}ms`, 0),
      advanced: { horizontalPodAutoscalerConfig: { behavior: scalingBehavior(scaling) } },
      triggers: signals.map((signal) => triggerOf(pool, router, signal)),
    },
  });
}

function triggerOf(
  { deployment, name }: Pool,
  router: RouterService,
  { metric, targetPerReplica }: ScalingSignal,
): { type: string; name: string; metadata: Record<string, string> } {
  return {
    type: 'metrics-api',
    name: metric.replaceAll('_', '-'),
    metadata: {
      url: `http://${router.name}.${namespaceOf(deployment)}.svc:${router.port}/metrics`,
      format: 'prometheus',
      valueLocation: `${metric}{pool="${name}"}`,
      targetValue: String(targetPerReplica),
      activationTargetValue: '0',
      aggregateFromKubeServiceEndpoints: 'true',
      aggregationType: 'sum',
    },
  };
}
