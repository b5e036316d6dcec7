import { runbookOf } from '../slo/rule.ts';
import type { Dashboard, Panel, Row, Variable } from './panel.ts';

const datasource = { type: 'prometheus', uid: '${datasource}' };
const columns = 24;
const height = { timeseries: 8, stat: 4 } as const;

/** The dashboard as Grafana reads it. Panels of a row share its width. */
export function dashboardJson({ uid, title, description, variables, rows }: Dashboard): object {
  return {
    uid: `qwenfleet-${uid}`,
    title: `Qwenfleet / ${title}`,
    description,
    tags: ['qwenfleet'],
    schemaVersion: 39,
    editable: false,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    graphTooltip: 1,
    links: [{ title: 'Qwenfleet', type: 'dashboards', tags: ['qwenfleet'], asDropdown: true, keepTime: true }],
    templating: { list: [dataSourceVariable, ...variables.map(variableJson)] },
    annotations: { list: [] },
    panels: panelsJson(rows),
  };
}

const dataSourceVariable = { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' };

const variableJson = ({ name, label, expr }: Variable): object => ({
  name,
  label,
  type: 'query',
  datasource,
  query: { query: expr, refId: name },
  definition: expr,
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: ['All'], value: ['$__all'] },
});

function panelsJson(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: ofRow } of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: columns, h: 1 },
    });
    y += 1;
    const w = Math.floor(columns / ofRow.length);
    const h = Math.max(...ofRow.map(({ kind }) => height[kind]));
    ofRow.forEach((panel, index) => {
      panels.push(panelJson(panel, { id: panels.length + 1, gridPos: { x: index * w, y, w, h } }));
    });
    y += h;
  }
  return panels;
}

function panelJson(panel: Panel, place: { id: number; gridPos: object }): object {
  const { kind, title, description, unit, queries, steps = [], runbook } = panel;
  return {
    ...place,
    type: kind,
    title,
    description: runbook ? `${description}\n\nWhat to do: ${runbookOf(runbook)}` : description,
    datasource,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: kind === 'stat' ? 'thresholds' : 'palette-classic' },
        thresholds: {
          mode: 'absolute',
          steps: [{ color: 'green', value: null }, ...steps.map(({ at, color }) => ({ color, value: at }))],
        },
        custom:
          kind === 'stat' ? {} : { fillOpacity: 10, thresholdsStyle: { mode: steps.length > 0 ? 'line' : 'off' } },
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}
