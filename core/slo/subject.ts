/** What has an objective: a pool, or an endpoint, which is all pools of its routers. */
export type Subject = {
  kind: 'pool' | 'endpoint';
  name: string;
  /** Labels that every series of a router about it has, such as `{namespace: 'fleet', pool: 'chat'}`. */
  series: Readonly<Record<string, string>>;
  /** Labels of what is recorded and of alerts; they tell one subject from another. */
  labels: Readonly<Record<string, string>>;
};

/** What rules record: `kind` first, then what, then the window, by Prometheus' convention level:metric:operations. */
export const recorded = {
  requests: ({ kind }: Kind): string => `qwenfleet:${kind}_requests:rate5m`,
  errors: ({ kind }: Kind): string => `qwenfleet:${kind}_errors:rate5m`,
  errorRatio: ({ kind }: Kind, window: string): string => `qwenfleet:${kind}_errors:ratio_rate${window}`,
  objective: ({ kind }: Kind): string => `qwenfleet:${kind}_objective:ratio`,
  budgetRemaining: ({ kind }: Kind): string => `qwenfleet:${kind}_error_budget:remaining_ratio`,
  firstToken: ({ kind }: Kind): string => `qwenfleet:${kind}_first_token_seconds:p95_rate10m`,
  nextToken: ({ kind }: Kind): string => `qwenfleet:${kind}_next_token_seconds:p95_rate10m`,
};
type Kind = Pick<Subject, 'kind'>;

/** Statuses for which the pool's side answers. A 429 that a router counts for a pool is that pool's full queue. */
export const failedMatcher = 'status=~"429|5.."';

/** `a="b",c="d"`: labels as PromQL selects by them. */
export const matchers = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',');
