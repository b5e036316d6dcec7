import { metrics, type MetricKey } from '../telemetry/names.ts';

type KeysOf<Kind extends 'counter' | 'gauge' | 'histogram'> = {
  [K in MetricKey]: (typeof metrics)[K]['kind'] extends Kind ? K : never;
}[MetricKey];

/** Grafana puts in a span that holds enough scrapes for the zoom. */
const span = '$__rate_interval';
const by = (labels: readonly string[]): string => (labels.length === 0 ? '' : ` by (${labels.join(', ')})`);

/** How often a second, summed over processes. */
export const rate = (key: KeysOf<'counter'>, labels: readonly string[] = [], matchers = ''): string =>
  `sum${by(labels)} (rate(${metrics[key].name}{${matchers}}[${span}]))`;

/** A gauge, summed over processes. */
export const total = (key: KeysOf<'gauge'>, labels: readonly string[] = [], matchers = ''): string =>
  `sum${by(labels)} (${metrics[key].name}{${matchers}})`;

/** A quantile over all processes. */
export const quantile = (
  share: number,
  key: KeysOf<'histogram'>,
  labels: readonly string[] = [],
  matchers = '',
): string =>
  `histogram_quantile(${share}, sum${by(['le', ...labels])} (rate(${metrics[key].name}_bucket{${matchers}}[${span}])))`;

/** Seconds a second: how much of one core, or of one worker, goes into it. */
export const busy = (key: KeysOf<'histogram'>, labels: readonly string[] = [], matchers = ''): string =>
  `sum${by(labels)} (rate(${metrics[key].name}_sum{${matchers}}[${span}]))`;

/** One rate as a share of another; nothing while the other is zero. */
export const share = (part: string, whole: string): string => `(${part}) / ((${whole}) > 0)`;
