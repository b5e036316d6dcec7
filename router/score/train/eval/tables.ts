import type { Interval, Worth } from '../metrics.ts';
import { ownWay, type SetRow, type TaskRow } from '../evaluate.ts';
import { splitWords, type Evaluation, type SplitResult } from './evaluation.ts';
import { verdicts } from './targets.ts';

/** A table that text, Markdown and HTML are made of. */
export type Table = { title: string; note?: string; columns: string[]; rows: string[][] };

export function tablesOf(evaluation: Evaluation): Table[] {
  return [
    targetTable(evaluation),
    ...evaluation.splits.flatMap((result) => [setTable(result), ...(result.split === 'tasks' ? details(result) : [])]),
    calibrationTable(evaluation),
  ];
}

function targetTable(evaluation: Evaluation): Table {
  return {
    title: 'What it is asked for',
    columns: ['target', 'found', 'holds'],
    rows: verdicts(evaluation).map(({ target, found, holds }) => [target, found, holds ? 'yes' : 'NO']),
  };
}

function setTable({ split, rows, pooled, summary }: SplitResult): Table {
  const rivals = Object.keys(rows[0]?.worth ?? {}).filter((name) => name !== ownWay);
  return {
    title: splitWords[split],
    note:
      `APGR; a random mix has .5. Mean of the ${summary.sets} sets of a thousand prompts and more ${figure(summary.apgr)}, ` +
      `of length alone ${figure(summary.length)}; ahead of length by ${range(pooled)} over them together.`,
    columns: ['models', 'prompts', 'ours', 'ahead of length', 'CPT 50 / 80 %', ...rivals],
    rows: rows.map((row) => setCells(row, rivals)),
  };
}

function setCells({ id, prompts, worth }: SetRow, rivals: readonly string[]): string[] {
  const own = worth[ownWay];
  if (!own) return [id, String(prompts)];
  return [
    id,
    String(prompts),
    range(own.apgr),
    `${signed(own.ahead.low)} to ${signed(own.ahead.high)}`,
    `${percent(own.cpt50)} / ${percent(own.cpt80)}`,
    ...rivals.map((name) => rivalCell(worth[name])),
  ];
}

const rivalCell = (worth: Worth | undefined): string => (worth ? figure(worth.apgr.value) : '-');

function details({ hull, tasks }: SplitResult): Table[] {
  const failing = tasks.filter(({ own, length }) => own < 0.5 || own < length);
  return [
    {
      title: `Three tiers: ${hull.id}`,
      note:
        `Quality above the best mix of the pools at the same cost, on average: ${range(hull.gain)}. ` +
        `Costs ${hull.costs.small}, ${hull.costs.medium} and ${hull.costs.large}; tasks held out.`,
      columns: ['pool', 'cost', 'quality'],
      rows: Object.entries(hull.pools).map(([tier, { cost, quality }]) => [tier, figure(cost), figure(quality)]),
    },
    {
      title: 'Tasks on which it fails: below a random mix, or below prompt length, when held out',
      note: `${failing.length} of ${tasks.length} tasks of ${tasksNote}.`,
      columns: ['models', 'task', 'prompts', 'ours', 'length'],
      rows: failing.toSorted((a, b) => a.own - b.own).map(taskCells),
    },
  ];
}

const tasksNote =
  'at least 80 prompts and a gap of 3 points; within a task a few hundred prompts leave an interval of about ±.06';

const taskCells = ({ set, task, prompts, own, length }: TaskRow): string[] => [
  set,
  task,
  String(prompts),
  figure(own),
  figure(length),
];

function calibrationTable({ splits }: Evaluation): Table {
  return {
    title: 'Expected calibration error per tier',
    note: 'Ten bins; files weigh alike.',
    columns: ['held out', 'small', 'medium', 'large'],
    rows: splits.map(({ split, calibration: { small, medium, large } }) => [
      split,
      figure(small),
      figure(medium),
      figure(large),
    ]),
  };
}

export const figure = (value: number): string => value.toFixed(3);
const signed = (value: number): string => `${value < 0 ? '' : '+'}${figure(value)}`;
const percent = (value: number): string => (value * 100).toFixed(0);
const range = ({ value, low, high }: Interval): string => `${figure(value)} (${figure(low)} to ${figure(high)})`;

export function asText(tables: readonly Table[]): string {
  return tables
    .map(({ title, note, columns, rows }) => {
      const widths = columns.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)));
      const line = (cells: readonly string[]): string =>
        cells
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd();
      return [title, ...(note === undefined ? [] : [note]), line(columns), ...rows.map(line)].join('\n');
    })
    .join('\n\n');
}

export function asMarkdown(tables: readonly Table[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return tables
    .map(({ title, note, columns, rows }) =>
      [
        `### ${title}`,
        ...(note === undefined ? [] : ['', note]),
        '',
        line(columns),
        line(columns.map(() => '---')),
        ...rows.map(line),
      ].join('\n'),
    )
    .join('\n\n');
}
