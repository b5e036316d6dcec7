import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPromql } from '../harness/promql.ts';
import { ratioWindows } from '../slo/burn-rate.ts';
import { alertNames } from '../slo/rule.ts';
import { recorded } from '../slo/subject.ts';
import { metrics, type MetricSpec } from '../telemetry/names.ts';
import { dashboards, generateDashboardFiles } from './registry.ts';

const root = path.join(import.meta.dirname, '../..');
const panels = dashboards.flatMap(({ uid, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => ({ uid, name: `${uid}: ${panel.title}`, ...panel }))),
);
const queries = panels.flatMap(({ name, queries: ofPanel }) => ofPanel.map((query) => ({ name, ...query })));
/** As Grafana would ask. */
const filled = (expr: string): string => expr.replaceAll('$__rate_interval', '2m').replaceAll('$pool', 'chat');

/** Every name under which Prometheus has something of ours, with the labels that it has of itself. */
const series = new Map<string, readonly string[]>();
for (const { name, kind, labels } of Object.values<MetricSpec>(metrics)) {
  if (kind !== 'histogram') series.set(name, labels);
  else for (const suffix of ['_bucket', '_count', '_sum']) series.set(`${name}${suffix}`, [...labels, 'le']);
}
const ofRule = { kind: 'pool' } as const;
for (const name of [
  ...Object.values(recorded).map((nameOf) => nameOf(ofRule, '5m')),
  ...ratioWindows.map((window) => recorded.errorRatio(ofRule, window)),
])
  series.set(name, ['namespace', 'pool', 'tier']);
/** What Prometheus adds to series of a pod. */
const added = ['namespace', 'pod', 'qwenfleet_io_deployment'];

describe('dashboards', () => {
  it('are in the chart as the code makes them', () => {
    for (const [file, text] of generateDashboardFiles()) {
      expect(readFileSync(path.join(root, file), 'utf8'), `${file}: npm run generate`).toBe(text);
    }
    expect(generateDashboardFiles().size).toBe(new Set(dashboards.map(({ uid }) => uid)).size);
  });

  it('ask in the language of Prometheus', () => {
    expect(queries.length).toBeGreaterThan(40);
    for (const { name, expr } of queries) expect(readPromql(filled(expr)).errors, name).toEqual([]);
    expect(readPromql('sum(rate(a[5m]) >').errors).not.toEqual([]);
  });

  it('ask for what is exported or recorded, under its real name', () => {
    for (const { name, expr } of queries) {
      const { names } = readPromql(filled(expr));
      expect(names.length, name).toBeGreaterThan(0);
      for (const each of names) expect([...series.keys()], name).toContain(each);
    }
  });

  it('group and select by labels that these series have, and show no others', () => {
    for (const { name, expr, legend } of queries) {
      const { names, labels } = readPromql(filled(expr));
      const known = [...added, 'le', ...names.flatMap((each) => series.get(each) ?? [])];
      for (const label of labels) expect(known, `${name}: ${expr}`).toContain(label);
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(known, name).toContain(label);
    }
  });

  it('sum rates, and never rate sums or gauges', () => {
    const counters = new Set(
      Object.values<MetricSpec>(metrics).flatMap(({ name, kind }) => {
        if (kind === 'counter') return [name];
        return kind === 'histogram' ? ['_bucket', '_count', '_sum'].map((suffix) => `${name}${suffix}`) : [];
      }),
    );
    for (const { name, expr } of queries) {
      const rated = [...expr.matchAll(/(?:rate|increase)\((\w+)/g)].map(([, metric = '']) => metric);
      for (const metric of rated) expect([...counters], name).toContain(metric);
      for (const metric of readPromql(filled(expr)).names)
        if (counters.has(metric)) expect(rated, `${name}: ${metric} by itself only grows`).toContain(metric);
    }
  });

  it('say what each panel shows to somebody who has never seen it', () => {
    for (const { name, description, steps = [], runbook } of panels) {
      expect(description, name).toMatch(/^[A-Z0-9].{20,}\.$/);
      expect(
        steps.map(({ at }) => at),
        name,
      ).toEqual(steps.map(({ at }) => at).toSorted((a, b) => a - b));
      if (runbook) expect(alertNames, name).toContain(runbook);
    }
    expect(new Set(panels.map(({ name }) => name)).size).toBe(panels.length);
  });

  it.each([...generateDashboardFiles()])('%s has panels that lie beside each other', (_file, text) => {
    type Place = { x: number; y: number; w: number; h: number };
    const read = JSON.parse(text) as { panels: { id: number; gridPos: Place }[] };
    expect(new Set(read.panels.map(({ id }) => id)).size).toBe(read.panels.length);
    const taken = new Set<string>();
    for (const { gridPos } of read.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
});
