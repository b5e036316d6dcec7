import { exportOf, type Integrations } from '../capabilities.ts';
import type { KubeObject } from '../object.ts';
import { deploymentObject, type WorkloadOptions, type WorkloadOwner } from './deployment.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { httpRoute } from './http-route.ts';
import { inferencePool } from './inference-pool.ts';
import { leaderWorkerSetObject } from './leader-worker-set.ts';
import { networkPolicy } from './network-policy.ts';
import { podDisruptionBudget } from './pod-disruption-budget.ts';
import { podMonitor } from './pod-monitor.ts';
import type { Pool } from './pool.ts';
import { prometheusRule } from './prometheus-rule.ts';
import { resourceClaimTemplate } from './resource-claim-template.ts';
import { scaledObject, type RouterService } from './scaled-object.ts';
import { serviceAccount } from './service-account.ts';
import { service } from './service.ts';
import type { Workload } from './workload.ts';

/** What is around a pool, and how it fares there. */
export type Surroundings = {
  integrations: Integrations;
  /** Of a router that sends to the pool; undefined while none does. */
  router: RouterService | undefined;
  /** Replicas that have not come for a long time, see `overdueReplicas`. */
  overdue?: number | undefined;
};

/** What pods of a pool need before they can be made. */
export const supportingObjects = (pool: Pool, { integrations, overdue = 0 }: Surroundings): KubeObject[] => [
  serviceAccount(pool),
  ...present(resourceClaimTemplate(pool)),
  service(pool),
  podDisruptionBudget(pool, overdue),
  networkPolicy(pool, integrations),
];

/** What neighbours do for a pool, where they are there. */
export function neighbourObjects(pool: Pool, { integrations, router }: Surroundings): KubeObject[] {
  const { capabilities } = pool;
  const exported = exportOf(capabilities, integrations);
  return [
    ...(capabilities.prometheusOperator ? [podMonitor(pool, integrations), prometheusRule(pool, integrations)] : []),
    ...(exported ? [inferencePool(pool, exported.endpointPicker), httpRoute(pool, exported.gateway)] : []),
    scalerObject(pool, router),
  ].flatMap(present);
}

function scalerObject(pool: Pool, router: RouterService | undefined): KubeObject | undefined {
  const { suspend, scaling } = pool.deployment.spec;
  if (suspend || scaling?.mode !== 'Enforce') return undefined;
  const { keda, horizontalPodAutoscaler: hpa } = pool.capabilities;
  if (scaling.owner === 'HPA' && hpa) return horizontalPodAutoscaler(pool);
  if (scaling.owner === 'KEDA' && keda && router) return scaledObject(pool, router);
  return undefined;
}

/** What runs the pods of one revision. */
export const workloadObject = (of: WorkloadOwner, workload: Workload, options: WorkloadOptions): KubeObject =>
  workload.kind === 'Deployment'
    ? deploymentObject(of, workload.template, options)
    : leaderWorkerSetObject(of, workload, options);

const present = <T>(of: T | undefined): T[] => (of === undefined ? [] : [of]);
