import type { IPrometheusRuleSpec } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRuleSpec';
import { durationMs } from '@qwenfleet/core/duration';
import { metrics } from '@qwenfleet/core/telemetry/names';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Integrations } from '../capabilities.ts';
import { deploymentLabel, poolLabels } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import { burnRates } from './burn-rate.ts';
import type { Pool } from './pool.ts';

type Objectives = NonNullable<QwenDeployment['spec']['slo']>;
type Rule = {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
};

/** Alerts from the pool's objectives; undefined without any. */
export function prometheusRule(
  pool: Pool,
  { monitorLabels = {} }: Integrations,
): KubeObject<{ spec: IPrometheusRuleSpec }> | undefined {
  const { deployment, name, resolved } = pool;
  const { slo } = deployment.spec;
  const rules = slo ? [...availabilityRules(pool, slo), ...latencyRules(pool, slo)] : [];
  if (rules.length === 0) return undefined;
  const labels = { ...poolLabels(name, resolved.tier), ...monitorLabels };
  return child(
    deployment,
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', name, labels },
    {
      spec: { groups: [{ name: `qwenfleet-${name}`, rules }] },
    },
  );
}

function availabilityRules(pool: Pool, { availability, window }: Objectives): Rule[] {
  // An objective of 100 % has no budget, so its first failed request would be an alert for a month.
  if (availability === undefined || Number(availability) >= 100) return [];
  return burnRates(Number(availability), durationMs(window)).map((rate) => ({
    alert: `QwenfleetErrorBudget${rate.name}Burn`,
    expr: `${errorRatio(pool, rate.long)} > ${rate.ratio} and ${errorRatio(pool, rate.short)} > ${rate.ratio}`,
    for: rate.for,
    labels: labelsOf(pool, rate.severity),
    annotations: {
      summary: `Pool ${pool.name} fails more requests than its ${availability} % over ${window} allow.`,
      description: `More than ${percent(rate.ratio)} of its requests failed during ${rate.long} and during ${rate.short}.`,
    },
  }));
}

function latencyRules(pool: Pool, { ttftP95, itlP95 }: Objectives): Rule[] {
  const { tokenSeconds } = pool.engine;
  const byRouter = seriesOf(pool);
  const byReplica = `namespace=${text(namespaceOf(pool.deployment))},${labelName(deploymentLabel)}=${text(pool.name)}`;
  const first = { metric: metrics.routerFirstByteSeconds.name, series: byRouter, what: 'first token' };
  const next = { metric: tokenSeconds ?? '', series: byReplica, what: 'time between tokens' };
  return [
    ...(ttftP95 === undefined ? [] : [latencyRule(pool, 'QwenfleetFirstTokenSlow', ttftP95, first)]),
    ...(itlP95 === undefined || tokenSeconds === undefined
      ? []
      : [latencyRule(pool, 'QwenfleetTokensSlow', itlP95, next)]),
  ];
}

function latencyRule(
  pool: Pool,
  alert: string,
  limit: string,
  { metric, series, what }: { metric: string; series: string; what: string },
): Rule {
  const seconds = durationMs(limit) / 1000;
  return {
    alert,
    expr: `histogram_quantile(0.95, sum by (le) (rate(${metric}_bucket{${series}}[10m]))) > ${seconds}`,
    for: '10m',
    labels: labelsOf(pool, 'warning'),
    annotations: {
      summary: `Pool ${pool.name} is slower than its objective: the ${what}, 95th percentile.`,
      description: `It has been above ${limit} for ten minutes.`,
    },
  };
}

/** Requests that the pool's side failed, as the routers saw them; what clients did wrong does not count. */
function errorRatio(pool: Pool, window: string): string {
  const rate = (more: string): string =>
    `sum(rate(${metrics.routerRequests.name}{${seriesOf(pool)}${more}}[${window}]))`;
  return `${rate(',status=~"5.."')} / ${rate('')}`;
}

const seriesOf = ({ name, deployment }: Pool): string =>
  `namespace=${text(namespaceOf(deployment))},pool=${text(name)}`;

const labelsOf = ({ name, deployment, resolved }: Pool, severity: string): Record<string, string> => ({
  severity,
  namespace: namespaceOf(deployment),
  pool: name,
  tier: resolved.tier,
});

const text = (value: string): string => JSON.stringify(value);
/** Prometheus writes labels of pods with underscores. */
const labelName = (label: string): string => label.replace(/[^A-Za-z0-9_]/g, '_');
const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(3))} %`;
