import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AlertRule, RuleGroup } from '@qwenfleet/core/slo/rule';
import { stringify } from 'yaml';
import { command } from '../command.ts';

/** What a counter or gauge is at each scrape, as promtool writes it: `0+100x240` is 241 of them, 100 more each. */
export type Series = { series: string; values: string };

export type RuleCase = {
  group: RuleGroup;
  /** Seconds between two scrapes. */
  scrapeSeconds: number;
  series: Series[];
  at: string;
  /** Names of the alerts that fire then; every other alert of the group must not. */
  fire: readonly string[];
};

/** Undefined when exactly these alerts fire, by promtool; otherwise what it says. */
export async function promtoolSays(
  promtool: string,
  { group, scrapeSeconds, series, at, fire }: RuleCase,
): Promise<string | undefined> {
  const alerts = group.rules.filter((rule): rule is AlertRule => 'alert' in rule);
  const alertRuleTest = alerts.map(({ alert, labels, annotations }) => ({
    eval_time: at,
    alertname: alert,
    exp_alerts: fire.includes(alert) ? [{ exp_labels: labels, exp_annotations: annotations }] : [],
  }));
  const unknown = fire.filter((name) => !alerts.some(({ alert }) => alert === name));
  if (unknown.length > 0) return `no such alert: ${unknown.join(', ')}`;
  const test = {
    rule_files: ['rules.yaml'],
    evaluation_interval: group.interval,
    tests: [{ interval: `${scrapeSeconds}s`, input_series: series, alert_rule_test: alertRuleTest }],
  };
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-rules-'));
  try {
    writeFileSync(path.join(folder, 'rules.yaml'), stringify({ groups: [group] }));
    writeFileSync(path.join(folder, 'test.yaml'), stringify(test));
    const { code, stdout, stderr } = await command(promtool, ['test', 'rules', 'test.yaml'], { cwd: folder });
    return code === 0 ? undefined : `${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
