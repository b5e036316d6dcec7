import type { IPrometheusRuleSpec } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRuleSpec';
import { sloRules } from '@qwenfleet/core/slo/rules';
import type { Integrations } from '../capabilities.ts';
import { deploymentLabel, poolLabels, seriesLabel } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** Recording rules and alerts from the pool's objectives; undefined without any. */
export function prometheusRule(
  pool: Pool,
  { monitorLabels = {}, runbooksUrl }: Integrations,
): KubeObject<{ spec: IPrometheusRuleSpec }> | undefined {
  const { deployment, name, resolved, engine } = pool;
  const { slo } = deployment.spec;
  if (!slo) return undefined;
  const namespace = namespaceOf(deployment);
  const series = { namespace, pool: name };
  const subject = { kind: 'pool', name, series, labels: { ...series, tier: resolved.tier } } as const;
  const metric = engine.tokenSeconds;
  const nextToken =
    metric === undefined ? undefined : { metric, series: { namespace, [seriesLabel(deploymentLabel)]: name } };
  const group = sloRules(subject, slo, { nextToken, runbooksUrl });
  if (!group) return undefined;
  return child(
    deployment,
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      name,
      labels: { ...poolLabels(name, resolved.tier), ...monitorLabels },
    },
    { spec: { groups: [group] } },
  );
}
