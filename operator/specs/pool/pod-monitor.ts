import type { IPodMonitorSpec } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitorSpec';
import type { Integrations } from '../capabilities.ts';
import { deploymentLabel, poolLabels, revisionLabel, servingSelector, tierLabel } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** Has the engine's own metrics scraped, each series with the pool, its revision and its tier. */
export function podMonitor(pool: Pool, { monitorLabels = {} }: Integrations): KubeObject<{ spec: IPodMonitorSpec }> {
  const { deployment, name, resolved, engine } = pool;
  const labels = { ...poolLabels(name, resolved.tier), ...monitorLabels };
  return child(
    deployment,
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor', name, labels },
    {
      spec: {
        selector: { matchLabels: servingSelector(name) },
        podTargetLabels: [deploymentLabel, revisionLabel, tierLabel],
        podMetricsEndpoints: [{ port: engine.metricsPort, path: '/metrics', interval: '30s' }],
      },
    },
  );
}
