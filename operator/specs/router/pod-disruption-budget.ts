import type { IPodDisruptionBudgetSpec } from 'kubernetes-models/policy/v1/PodDisruptionBudgetSpec';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import { routerLabels, routerSelector } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';

/** One router at a time; a router alone may go too, or its node could never be emptied. */
export function podDisruptionBudget(router: QwenRouter): KubeObject<{ spec: IPodDisruptionBudgetSpec }> {
  const { name } = router.metadata;
  return child(
    router,
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', name, labels: routerLabels(name) },
    {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: routerSelector(name) },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
  );
}
