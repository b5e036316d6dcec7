import { parser } from '@prometheus-io/lezer-promql';
import { alertNames } from '@qwenfleet/core/slo/rule';
import { metrics } from '@qwenfleet/core/telemetry/names';
import { describe, expect, it } from 'vitest';
import { deploymentOf, poolFor } from '../harness/pool.ts';
import { prometheusRule } from './prometheus-rule.ts';

type Rule = {
  alert?: string;
  record?: string;
  expr: string;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
};

function rulesOf(slo: object, spec: object = {}): Rule[] {
  const object = prometheusRule(poolFor(deploymentOf({ slo, ...spec })), {
    monitorLabels: { release: 'prometheus' },
    runbooksUrl: 'https://wiki.example.com/runbooks/',
  });
  return (object?.spec.groups?.[0]?.rules ?? []) as Rule[];
}

/** Prometheus' own grammar. */
function syntaxErrors(expression: string): string[] {
  const found: string[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found.push(expression.slice(from, to + 20));
    },
  });
  return found;
}

const all = { availability: '99.9', ttftP95: '2s', itlP95: '80ms', window: '30d' };

describe('the alerts of a pool', () => {
  it('come from its objectives, in the language of Prometheus', () => {
    const rules = rulesOf(all);
    expect(rules.flatMap(({ alert }) => alert ?? [])).toEqual([...alertNames]);
    expect(rules.flatMap(({ expr }) => syntaxErrors(expr))).toEqual([]);
    expect(syntaxErrors('sum(rate(a[5m]) >')).not.toEqual([]);
  });

  it('ask for series that somebody exports', () => {
    const known: string[] = Object.values(metrics).map(({ name }) => name);
    const used = rulesOf(all).flatMap(({ expr }) =>
      [...expr.matchAll(/(qwenfleet_\w+)\{/g)].map(([, name = '']) => name),
    );
    expect(used.length).toBeGreaterThan(6);
    for (const name of used) expect(known).toContain(name.replace(/_(bucket|count)$/, ''));
  });

  it('are about this pool, in its namespace', () => {
    for (const { expr, labels } of rulesOf(all)) {
      if (expr.startsWith('vector(')) continue;
      expect(expr).toContain('namespace="fleet"');
      expect(expr).toMatch(/(pool|qwenfleet_io_deployment)="chat"/);
      expect(labels).toMatchObject({ pool: 'chat', namespace: 'fleet', tier: 'small' });
    }
  });

  it('record what they ask for, each name once', () => {
    const rules = rulesOf(all);
    const names = rules.flatMap(({ record }) => record ?? []);
    expect(new Set(names).size).toBe(names.length);
    const asked = rules.flatMap(({ expr }) => [...expr.matchAll(/qwenfleet:\w+(:\w+)*/g)].map(([name]) => name));
    expect(asked.length).toBeGreaterThan(20);
    for (const name of asked) expect(names).toContain(name);
  });

  it('link to their pages, where an installation says where these are', () => {
    for (const { alert, annotations } of rulesOf(all).filter((rule) => rule.alert)) {
      expect(annotations).toMatchObject({
        runbook: `docs/runbooks/${alert}.md`,
        runbook_url: `https://wiki.example.com/runbooks/${alert}.md`,
      });
    }
  });

  it.each([
    ['no objective', {}, 0],
    ['an objective that nothing meets', { availability: '100' }, 0],
    ['availability alone', { availability: '99' }, 6],
    ['availability over a day', { availability: '99', window: '1d' }, 5],
    ['the first token alone', { ttftP95: '500ms' }, 2],
  ])('are as many as there are objectives: %s', (_what, slo, count) => {
    expect(rulesOf(slo).filter(({ alert }) => alert)).toHaveLength(count);
  });

  it('leave out what an engine does not measure', () => {
    const triton = { engine: { type: 'triton' }, model: { uri: 'pvc://a' } };
    expect(rulesOf({ itlP95: '80ms' }, triton)).toEqual([]);
    expect(rulesOf({ itlP95: '80ms' }, { engine: { type: 'vllm' } })[0]?.expr).toContain('vllm:inter_token_latency');
  });
});
