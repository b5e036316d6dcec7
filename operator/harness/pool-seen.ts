import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { PoolSeen } from '../cluster/pool/observe.ts';
import { noCapabilities } from '../specs/capabilities.ts';
import { planOf, poolFor } from '../specs/harness/pool.ts';

/** A pool of which nothing is in the cluster yet, but for what is given. */
export function poolSeen(deployment: QwenDeployment, there: Partial<PoolSeen> = {}): PoolSeen {
  const plan = planOf(deployment);
  return {
    object: { apiVersion: '', kind: '', metadata: { name: deployment.metadata.name } },
    written: {},
    deployment,
    plan,
    capabilities: noCapabilities,
    pool: plan.resolved.blocked ? undefined : poolFor(deployment),
    revision: undefined,
    live: [],
    records: [],
    workloads: [],
    pods: [],
    replicas: [],
    overdue: 0,
    refused: undefined,
    ...there,
  };
}
