import type { IPodDisruptionBudgetSpec } from 'kubernetes-models/policy/v1/PodDisruptionBudgetSpec';
import { poolLabels, poolSelector } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/**
 * One replica at a time may be taken away for the good of a node. Said as a number that may be missing, so that the
 * drain of a node waits for a pool of one no longer than its replica needs to finish; and replicas that do not answer
 * never hold a drain up. Those that have not come for a long time are missing already: were they not added, one pod that
 * finds no node would keep the nodes of all others from being drained, for ever.
 */
export function podDisruptionBudget(pool: Pool, overdue: number): KubeObject<{ spec: IPodDisruptionBudgetSpec }> {
  const { deployment, name, resolved } = pool;
  const head = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', name, labels: poolLabels(name, resolved.tier) };
  return child(deployment, head, {
    spec: {
      maxUnavailable: 1 + overdue,
      selector: { matchLabels: poolSelector(name) },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  });
}
