/** A rule of Prometheus, as its files and PrometheusRules hold it. */
export type RecordingRule = { record: string; expr: string; labels: Record<string, string> };
export type AlertRule = {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
};
export type RuleGroup = { name: string; interval: string; rules: (RecordingRule | AlertRule)[] };

/** Every alert; each has its page in docs/runbooks. */
export const alertNames = [
  'QwenfleetErrorBudgetFastBurn',
  'QwenfleetErrorBudgetSteadyBurn',
  'QwenfleetErrorBudgetSlowBurn',
  'QwenfleetErrorBudgetDrain',
  'QwenfleetErrorBudgetSpent',
  'QwenfleetFirstTokenSlow',
  'QwenfleetTokensSlow',
  'QwenfleetUnobserved',
] as const;
export type AlertName = (typeof alertNames)[number];

/** The page of an alert, from the root of the repository. */
export const runbookOf = (alert: string): string => `docs/runbooks/${alert}.md`;

/**
 * Where to read on: the page's path in the repository, and its address where an installation says where it publishes
 * the pages. Alertmanager and Grafana make a link of `runbook_url`.
 */
export const runbookAnnotations = (alert: AlertName, runbooksUrl: string | undefined): Record<string, string> => ({
  runbook: runbookOf(alert),
  ...(runbooksUrl ? { runbook_url: `${runbooksUrl.replace(/\/+$/, '')}/${alert}.md` } : {}),
});
