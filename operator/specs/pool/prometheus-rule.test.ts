import { parser } from '@prometheus-io/lezer-promql';
import { metrics } from '@qwenfleet/core/telemetry/names';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deploymentOf, poolFor } from '../harness/pool.ts';
import { burnRates } from './burn-rate.ts';
import { prometheusRule } from './prometheus-rule.ts';

type Rule = { alert: string; expr: string; labels: Record<string, string>; annotations: Record<string, string> };

function rulesOf(slo: object, spec: object = {}): Rule[] {
  const object = prometheusRule(poolFor(deploymentOf({ slo, ...spec })), { monitorLabels: { release: 'prometheus' } });
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
    expect(rules.map(({ alert }) => alert)).toEqual([
      'QwenfleetErrorBudgetFastBurn',
      'QwenfleetErrorBudgetSlowBurn',
      'QwenfleetFirstTokenSlow',
      'QwenfleetTokensSlow',
    ]);
    expect(rules.flatMap(({ expr }) => syntaxErrors(expr))).toEqual([]);
    expect(syntaxErrors('sum(rate(a[5m]) >')).not.toEqual([]);
  });

  it('ask for series that somebody exports', () => {
    const known: string[] = Object.values(metrics).map(({ name }) => name);
    const used = rulesOf(all).flatMap(({ expr }) =>
      [...expr.matchAll(/(qwenfleet_\w+)\{/g)].map(([, name = '']) => name),
    );
    expect(used.length).toBeGreaterThan(6);
    for (const name of used) expect(known).toContain(name.replace(/_bucket$/, ''));
  });

  it('are about this pool, in its namespace', () => {
    for (const { expr, labels } of rulesOf(all)) {
      expect(expr).toContain('namespace="fleet"');
      expect(expr).toMatch(/(pool|qwenfleet_io_deployment)="chat"/);
      expect(labels).toMatchObject({ pool: 'chat', namespace: 'fleet', tier: 'small' });
    }
  });

  it.each([
    ['no objective', {}, 0],
    ['an objective that nothing meets', { availability: '100' }, 0],
    ['availability alone', { availability: '99' }, 2],
    ['the first token alone', { ttftP95: '500ms' }, 1],
  ])('are as many as there are objectives: %s', (_what, slo, count) => {
    expect(rulesOf(slo)).toHaveLength(count);
  });

  it('leave out what an engine does not measure', () => {
    const triton = { engine: { type: 'triton' }, model: { uri: 'pvc://a' } };
    expect(rulesOf({ itlP95: '80ms' }, triton)).toEqual([]);
    expect(rulesOf({ itlP95: '80ms' }, { engine: { type: 'vllm' } })[0]?.expr).toContain('vllm:inter_token_latency');
  });
});

describe('the burn of an error budget', () => {
  it('is judged as in the SRE workbook, for 30 days', () => {
    expect(burnRates(99.9, 30 * 24 * 3_600_000).map(({ ratio }) => ratio)).toEqual([0.0144, 0.006]);
  });

  it('is always something that can happen', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 99.999, noNaN: true }),
        fc.integer({ min: 1, max: 365 }),
        (percent, days) => {
          for (const { ratio } of burnRates(percent, days * 86_400_000)) {
            expect(ratio).toBeGreaterThan(0);
            expect(ratio).toBeLessThan(1);
          }
        },
      ),
    );
  });
});
