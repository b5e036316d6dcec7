import { dashboards } from '@qwenfleet/core/dashboards/registry';
import { readPromql } from '@qwenfleet/core/harness/promql';
import { sloRules } from '@qwenfleet/core/slo/rules';
import { metrics, type MetricSpec } from '@qwenfleet/core/telemetry/names';
import type { PoolStatus } from '@qwenfleet/operator/local/status';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { qwenfleet } from '../harness/command-line.ts';
import { eventually } from '../harness/fleet.ts';
import { EveryKindOfLoad, objectives, startObservedFleet, type ObservedFleet } from '../harness/observed-fleet.ts';
import { findPrometheus } from '../harness/prometheus/programs.ts';
import { startPrometheus, type RunningPrometheus, type Sample } from '../harness/prometheus/server.ts';

const programs = await findPrometheus();

/** As the operator would write them, but computed as often as is scraped here. */
const scrapeSeconds = 2;
const labels = { namespace: 'default', pool: 'small' };
const group = sloRules(
  { kind: 'pool', name: 'small', series: labels, labels: { ...labels, tier: 'small' } },
  objectives,
  {
    intervalSeconds: scrapeSeconds,
    nextToken: {
      metric: metrics.runtimeTokenSeconds.name,
      series: { namespace: 'default', qwenfleet_io_deployment: 'small' },
    },
  },
);

/** A minute of load, a scale-up, and kills: as long as a slow machine takes for that. */
const patienceMs = 240_000;

type Expression = { where: string; expr: string; legend?: string; isAlert?: boolean };
const filled = (expr: string): string => expr.replaceAll('$__rate_interval', '30s').replaceAll('$pool', '.*');
const ofDashboards: Expression[] = dashboards.flatMap(({ uid, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr, legend }) => ({ where: `${uid}: ${title}`, expr: filled(expr), legend })),
    ),
  ),
);
const ofRules: Expression[] = (group?.rules ?? []).map((rule) =>
  'record' in rule
    ? { where: `rule: ${rule.record}`, expr: rule.expr }
    : { where: `alert: ${rule.alert}`, expr: rule.expr, isAlert: true },
);
const expressions = [...ofDashboards, ...ofRules];

let observed: ObservedFleet;
let prometheus: RunningPrometheus;
let load: EveryKindOfLoad;

const isKube = (name: string): boolean =>
  Object.entries<MetricSpec>(metrics).some(([key, spec]) => key.startsWith('kube') && name.startsWith(spec.name));

/** Why an expression may be empty, and whether that is so. */
type Reason = { why: string; applies: (expression: Expression) => boolean; holds: (expr: string) => Promise<boolean> };
const reasons: readonly Reason[] = [
  {
    why: 'on one machine nothing asks Kubernetes',
    applies: ({ expr }) => readPromql(expr).names.every(isKube),
    holds: async () => ![...(await prometheus.names())].some(isKube),
  },
  {
    why: 'nothing is wrong: what the alert compares is there, and does not reach its limit',
    applies: ({ isAlert }) => isAlert === true,
    holds: async (expr) => {
      const parts = compared(expr);
      const found = await Promise.all(parts.map((part) => prometheus.query(part)));
      return parts.length > 0 && found.every((samples) => samples.some(isNumber));
    },
  },
];

/** What an alert's expression compares, or wants to be absent, each by itself. */
const compared = (expr: string): string[] =>
  expr
    .split(/ and (?:on \(\) )?/)
    .map((part) => /^absent\((.*)\)$/.exec(part)?.[1] ?? part.replace(/ (?:>=?|<=?) [\d.e-]+$/, ''));

const isNumber = ({ value }: Sample): boolean => !Number.isNaN(value);
const labelsOf = (legend: string): string[] => [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);

/** Undefined when the expression gives numbers, under the labels that its legend shows. */
async function problemOf({ expr, legend = '' }: Expression): Promise<string | undefined> {
  const samples = (await prometheus.query(expr)).filter(isNumber);
  if (samples.length === 0) return 'is empty';
  const missing = labelsOf(legend).filter((label) => !samples.some(({ labels: own }) => own[label]));
  return missing.length === 0 ? undefined : `has no ${missing.join(', ')}`;
}

/** Kills an engine that answers, until Prometheus has seen that it was started again, and waits until it answers. */
async function killOne(): Promise<void> {
  const restarts = `sum(${metrics.operatorRestarts.name}{pool="large"})`;
  const large = async (): Promise<PoolStatus | undefined> =>
    (await observed.status()).pools.find(({ name }) => name === 'large');
  await eventually(
    async () => {
      const pid = (await large())?.replicas.find(({ state }) => state === 'ready')?.pid;
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      return prometheus.query(restarts);
    },
    ([found]) => (found?.value ?? 0) > 0,
    patienceMs,
    1_500,
  );
  await eventually(large, (pool) => pool?.status === 'ready', patienceMs);
}

describe.skipIf(!programs)('Prometheus, of a fleet under load', () => {
  beforeAll(async () => {
    observed = await startObservedFleet();
    prometheus = await startPrometheus({
      program: programs?.prometheus ?? '',
      targetsUrl: observed.targetsUrl,
      groups: group ? [group] : [],
      scrapeSeconds,
    });
    load = new EveryKindOfLoad(observed.fleet.url);
  });
  afterAll(async () => {
    await load?.stop();
    await Promise.all([prometheus?.stop(), observed?.stop()]);
  });

  it('finds the operator, the router and every engine, also one that came later', async () => {
    const wanted = ['operator', 'router', 'large-1', 'small-1', 'small-2'];
    await eventually(
      () => prometheus.podsUp(),
      (pods) => wanted.every((pod) => pods.includes(pod)),
      patienceMs,
    );
  });

  it('has data for every panel and rule, or there is a reason why not', async () => {
    await killOne();
    const open = await eventually(
      async () => {
        const found = await Promise.all(
          expressions.map(async (each) => {
            const problem = await problemOf(each);
            if (problem === undefined) return [];
            const reason = reasons.find(({ applies }) => applies(each));
            if (reason && (await reason.holds(each.expr))) return [];
            return [`${each.where} ${problem}${reason ? `, and it is not so that ${reason.why}` : ''}: ${each.expr}`];
          }),
        );
        return found.flat();
      },
      (problems) => problems.length === 0,
      patienceMs,
      1_000,
    );
    expect(open).toEqual([]);
  });

  it('holds every metric that a panel or rule names', async () => {
    const held = await prometheus.names();
    const named = new Set(expressions.flatMap(({ expr }) => readPromql(expr).names));
    expect([...named].filter((name) => !held.has(name) && !isKube(name))).toEqual([]);
    expect(named.size).toBeGreaterThan(25);
  });

  it('is told of the choices of a variable', async () => {
    const asked = dashboards.flatMap(({ variables }) => variables.map(({ expr }) => expr));
    expect(asked.length).toBeGreaterThan(0);
    for (const expr of asked) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(expr) ?? [];
      const values = (await prometheus.query(`count by (${label}) (${selector})`)).map(({ labels: own }) => own[label]);
      expect(new Set(values), expr).toEqual(new Set(['gone', 'large', 'small']));
    }
  });

  it('sees what nobody could see before: refusals, restarts, and how many replicas there should be', async () => {
    const refused = await prometheus.query(`sum by (code) (${metrics.routerRefusals.name})`);
    expect(refused.map(({ labels: own }) => own['code'])).toContain('model_not_found');
    const restarts = await prometheus.query(`sum(${metrics.operatorRestarts.name}{pool="large"})`);
    expect(restarts[0]?.value).toBeGreaterThan(0);
    const wanted = await prometheus.query(`${metrics.operatorReplicas.name}{state="wanted",pool="small"}`);
    expect(wanted[0]?.value).toBe(2);
  });

  it('says the same as the commands that go without it', async () => {
    const run = async (...args: string[]): Promise<Record<string, unknown>> => {
      const { code, stdout, stderr } = await qwenfleet([...args, '--json', '--url', observed.fleet.url], {
        QWENFLEET_API_KEY: observed.apiKey,
      }).ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const wanted = [
      { name: 'gone', tokensPerSecond: 0 },
      { name: 'large', kvShare: expect.any(Number) },
      { name: 'small', ttftMsP95: expect.any(Number), costPerHour: 7.2 },
    ].map((pool) => expect.objectContaining(pool));
    // An engine that is busy may be late with its report.
    const seen = await eventually(
      () => run('top', '--once'),
      ({ pools }) => (pools as { kvShare?: number }[]).filter(({ kvShare }) => kvShare !== undefined).length === 2,
      patienceMs,
    );
    expect(seen).toMatchObject({ costPerHour: expect.any(Number), pools: expect.arrayContaining(wanted) });
    const budget = { pool: 'small', objective: 'answered', target: 99, budgetLeft: expect.any(Number) };
    for (const args of [['slo'], ['slo', '--prometheus', prometheus.url]])
      expect((await run(...args))['objectives']).toContainEqual(expect.objectContaining(budget));
  });
});
