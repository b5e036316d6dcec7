/** Units as Grafana names them. */
export type Unit = 'reqps' | 's' | 'percentunit' | 'short' | 'ops' | 'wps' | 'bytes';

export type Query = { expr: string; legend: string };

/** What colours say: below `at` of the first step all is well. Values are in the panel's unit. */
export type Step = { at: number; color: 'yellow' | 'red' };

export type Panel = {
  title: string;
  /** For somebody who has never seen it: what is drawn, what is good, and why it may be empty. */
  description: string;
  kind: 'timeseries' | 'stat';
  unit: Unit;
  queries: readonly Query[];
  steps?: readonly Step[];
  /** Of an alert whose page says what to do. */
  runbook?: string;
};

export type Row = { title: string; panels: readonly Panel[] };

export type Variable = { name: string; label: string; expr: string };

export type Dashboard = {
  /** Name of its file and its address; never changes, or links break. */
  uid: string;
  title: string;
  description: string;
  variables: readonly Variable[];
  rows: readonly Row[];
};

export const timeseries = (panel: Omit<Panel, 'kind'>): Panel => ({ kind: 'timeseries', ...panel });
export const stat = (panel: Omit<Panel, 'kind'>): Panel => ({ kind: 'stat', ...panel });
