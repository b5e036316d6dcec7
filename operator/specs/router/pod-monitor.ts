import type { IPodMonitorSpec } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitorSpec';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import type { Integrations } from '../capabilities.ts';
import { routerLabel, routerLabels, routerSelector } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';

/** Has every router scraped: the alerts of pools are made from what routers see. */
export function podMonitor(
  router: QwenRouter,
  { monitorLabels = {} }: Integrations,
): KubeObject<{ spec: IPodMonitorSpec }> {
  const { name } = router.metadata;
  const labels = { ...routerLabels(name), ...monitorLabels };
  return child(
    router,
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor', name, labels },
    {
      spec: {
        selector: { matchLabels: routerSelector(name) },
        podTargetLabels: [routerLabel],
        podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval: '15s' }],
      },
    },
  );
}
