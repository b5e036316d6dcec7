import { durationMs } from '../duration.ts';
import { metrics } from '../telemetry/names.ts';
import { burnRatesWithin, burnRatio, ratioWindows, type BurnRate, type RatioWindow } from './burn-rate.ts';
import { runbookAnnotations, type AlertName, type AlertRule, type RecordingRule, type RuleGroup } from './rule.ts';
import { failedMatcher, matchers, recorded, type Subject } from './subject.ts';

export type Objectives = {
  /** Percent of requests that must be answered, such as `99.5`. */
  availability?: string | undefined;
  ttftP95?: string | undefined;
  itlP95?: string | undefined;
  window: string;
};

export type RuleOptions = {
  /** Histogram of seconds between tokens, and the labels of its series about the subject; none where nobody has one. */
  nextToken?: { metric: string; series: Readonly<Record<string, string>> } | undefined;
  /** Where docs/runbooks is published. */
  runbooksUrl?: string | undefined;
  /** How often rules are computed: sums over what they record count requests by it. */
  intervalSeconds?: number | undefined;
};

/** How often rules are computed when nobody says. */
const intervalDefaultSeconds = 30;
/** Fewer failures than these in the long window page nobody: of ten requests at night, one is ten percent. */
const failuresMin = 5;
/** Fewer answers than these in ten minutes have no 95th percentile worth an alert. */
const answersMin = 20;
const quantileWindow = '10m';

/** What Prometheus is to compute for a subject with objectives, and to tell people; undefined without any. */
export function sloRules(subject: Subject, objectives: Objectives, options: RuleOptions = {}): RuleGroup | undefined {
  const { ttftP95, itlP95 } = objectives;
  const rules = [
    ...availabilityRules(subject, objectives, options),
    ...(ttftP95 === undefined ? [] : firstTokenRules(subject, ttftP95, options)),
    ...(itlP95 === undefined ? [] : nextTokenRules(subject, itlP95, options)),
  ];
  if (rules.length === 0) return undefined;
  const name = `qwenfleet-${subject.kind}-${subject.name}`;
  return {
    name,
    interval: `${options.intervalSeconds ?? intervalDefaultSeconds}s`,
    rules: [...rules, unobserved(subject, options)],
  };
}

function availabilityRules(
  subject: Subject,
  { availability, window }: Objectives,
  options: RuleOptions,
): (RecordingRule | AlertRule)[] {
  const budget = 1 - Number(availability) / 100;
  // An objective of 100 % has no budget, so its first failed request would be an alert for a month.
  if (availability === undefined || budget <= 0) return [];
  const record = (name: string, expr: string): RecordingRule => ({ record: name, expr, labels: { ...subject.labels } });
  const requests = (more = ''): string =>
    `sum(rate(${metrics.routerRequests.name}{${matchers(subject.series)}${more}}[5m]))`;
  const windowMs = Math.max(durationMs('5m'), durationMs(window));
  return [
    record(recorded.requests(subject), requests()),
    // Zero where nothing has failed yet: there is no series to say so.
    record(recorded.errors(subject), `${requests(`,${failedMatcher}`)} or ${requests()} * 0`),
    ...ratioWindows.map((each) => record(recorded.errorRatio(subject, each), errorRatio(subject, each))),
    record(recorded.objective(subject), `vector(${toNumber(1 - budget)})`),
    record(recorded.budgetRemaining(subject), `1 - ${errorRatio(subject, seconds(windowMs))} / ${toNumber(budget)}`),
    ...burnRatesWithin(windowMs).map((rate) => burnAlert(subject, rate, { availability, window, budget, options })),
    {
      ...alertHead(subject, 'QwenfleetErrorBudgetSpent', 'warning'),
      expr: `${of(subject, recorded.budgetRemaining(subject))} <= 0 and ${failures(subject, seconds(windowMs), options)} >= ${failuresMin}`,
      for: '5m',
      annotations: {
        summary: `${titleOf(subject)} has used up its error budget.`,
        description: `It has failed more of its requests during the last ${window} than its ${availability} % allow.`,
        ...runbookAnnotations('QwenfleetErrorBudgetSpent', options.runbooksUrl),
      },
    },
  ];
}

function burnAlert(
  subject: Subject,
  { factor, name, severity, long, short, for: lasting }: BurnRate,
  { availability, window, budget, options }: Objectives & { budget: number; options: RuleOptions },
): AlertRule {
  const ratio = burnRatio(factor, budget);
  const above = (each: RatioWindow): string => `${of(subject, recorded.errorRatio(subject, each))} > ${ratio}`;
  return {
    ...alertHead(subject, `QwenfleetErrorBudget${name}`, severity),
    expr: `${above(long)} and ${above(short)} and ${failures(subject, long, options)} >= ${failuresMin}`,
    for: lasting,
    annotations: {
      summary: `${titleOf(subject)} fails more requests than its ${availability} % over ${window} allow.`,
      description: `More than ${percent(ratio)} of its requests failed during ${long} and during ${short}: ${factor} times what the budget bears.`,
      ...runbookAnnotations(`QwenfleetErrorBudget${name}`, options.runbooksUrl),
    },
  };
}

/** Weighted by requests: of sums, not a mean of ratios. Nothing where nothing was asked. */
function errorRatio(subject: Subject, window: string): string {
  // What is recorded looks back five minutes already: a sum over it would end the alert five minutes late.
  const sum = (name: string): string =>
    window === '5m' ? of(subject, name) : `sum_over_time(${of(subject, name)}[${window}])`;
  return `${sum(recorded.errors(subject))} / (${sum(recorded.requests(subject))} > 0)`;
}

/** How many requests failed: what was recorded is a rate, once an interval. */
const failures = (
  subject: Subject,
  window: string,
  { intervalSeconds = intervalDefaultSeconds }: RuleOptions,
): string => `sum_over_time(${of(subject, recorded.errors(subject))}[${window}]) * ${intervalSeconds}`;

function firstTokenRules(subject: Subject, limit: string, options: RuleOptions): (RecordingRule | AlertRule)[] {
  const { name: metric } = metrics.routerFirstByteSeconds;
  const record = recorded.firstToken(subject);
  const rule = { alert: 'QwenfleetFirstTokenSlow', record, metric, series: subject.series, limit } as const;
  return latencyRules(subject, { ...rule, what: 'the first token' }, options);
}

function nextTokenRules(subject: Subject, limit: string, options: RuleOptions): (RecordingRule | AlertRule)[] {
  if (!options.nextToken) return [];
  const rule = { alert: 'QwenfleetTokensSlow', record: recorded.nextToken(subject), limit } as const;
  return latencyRules(subject, { ...rule, ...options.nextToken, what: 'the time between tokens' }, options);
}

type Latency = {
  alert: AlertName;
  record: string;
  metric: string;
  series: Readonly<Record<string, string>>;
  limit: string;
  what: string;
};

function latencyRules(
  subject: Subject,
  { alert, record, metric, series, limit, what }: Latency,
  options: RuleOptions,
): (RecordingRule | AlertRule)[] {
  const buckets = `sum by (le) (rate(${metric}_bucket{${matchers(series)}}[${quantileWindow}]))`;
  const answers = `sum(increase(${metric}_count{${matchers(series)}}[${quantileWindow}]))`;
  return [
    { record, expr: `histogram_quantile(0.95, ${buckets})`, labels: { ...subject.labels } },
    {
      ...alertHead(subject, alert, 'warning'),
      expr: `${of(subject, record)} > ${toNumber(durationMs(limit) / 1000)} and on () ${answers} >= ${answersMin}`,
      for: '10m',
      annotations: {
        summary: `${titleOf(subject)} is slower than its objective: ${what}, 95th percentile.`,
        description: `It has been above ${limit} for ten minutes.`,
        ...runbookAnnotations(alert, options.runbooksUrl),
      },
    },
  ];
}

/** Objectives that nobody measures look like objectives that are met. */
const unobserved = (subject: Subject, options: RuleOptions): AlertRule => ({
  ...alertHead(subject, 'QwenfleetUnobserved', 'warning'),
  expr: `absent(${metrics.routerInFlight.name}{${matchers(subject.series)}})`,
  for: '10m',
  annotations: {
    summary: `No router reports ${subject.kind} ${subject.name}, so its objectives are not measured.`,
    description: 'For ten minutes, no router that Prometheus scrapes has had a series about it.',
    ...runbookAnnotations('QwenfleetUnobserved', options.runbooksUrl),
  },
});

const alertHead = (
  { labels }: Subject,
  alert: AlertName,
  severity: BurnRate['severity'],
): Pick<AlertRule, 'alert' | 'labels'> => ({ alert, labels: { severity, ...labels } });

const of = ({ labels }: Subject, name: string): string => `${name}{${matchers(labels)}}`;
const titleOf = ({ kind, name }: Subject): string => `${kind === 'pool' ? 'Pool' : 'Endpoint'} ${name}`;
/** Prometheus takes no fractions in durations. */
const seconds = (ms: number): string => `${Math.round(ms / 1000)}s`;
/** Without the last digits that only binary fractions have. */
const toNumber = (value: number): number => Number(value.toPrecision(9));
const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(3))} %`;
