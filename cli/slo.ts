import { formatDuration, formatFigure, formatShare } from './format.ts';
import { renderTable } from './table.ts';
import type { Pool } from './wire.ts';

/** One objective of one pool, and how it fares. */
export type SloRow = {
  pool: string;
  objective: 'answered' | 'first token' | 'between tokens';
  /** Percent for `answered`, milliseconds for the others. */
  target: number;
  /** In the same unit; undefined where nothing was measured. */
  measured: number | undefined;
  /** Share of the error budget that is left, below zero when it is overspent; of `answered` alone. */
  budgetLeft: number | undefined;
  /** The span over which it was measured, in milliseconds. */
  overMs: number;
  /** Undefined where nothing was measured. */
  kept: boolean | undefined;
};

/** What was recorded of a pool over its objective's own window. */
export type Recorded = {
  budgetLeft?: number | undefined;
  firstTokenMs?: number | undefined;
  nextTokenMs?: number | undefined;
};

/** From what the router has counted since it started. */
export function sloRows(pools: readonly Pool[], recorded?: (pool: string) => Recorded): SloRow[] {
  return pools.flatMap((pool) => {
    const { name, objectives, answered } = pool;
    if (!objectives) return [];
    const found = recorded?.(name);
    const overMs = found ? objectives.windowMs : (answered?.overMs ?? 0);
    const { availability, ttftMsP95, itlMsP95 } = objectives;
    const latency = (objective: SloRow['objective'], target: number | undefined, measured: number | undefined) =>
      target === undefined
        ? []
        : [
            {
              pool: name,
              objective,
              target,
              measured,
              budgetLeft: undefined,
              overMs,
              kept: measured === undefined ? undefined : measured <= target,
            },
          ];
    return [
      ...(availability === undefined ? [] : [answeredRow(pool, { availability, overMs, found })]),
      ...latency('first token', ttftMsP95, found ? found.firstTokenMs : answered?.firstByteMsP95),
      ...latency('between tokens', itlMsP95, found?.nextTokenMs),
    ];
  });
}

function answeredRow(
  { name, answered }: Pool,
  { availability, overMs, found }: { availability: number; overMs: number; found: Recorded | undefined },
): SloRow {
  const failedShare = found
    ? found.budgetLeft === undefined
      ? undefined
      : (1 - found.budgetLeft) * (1 - availability / 100)
    : failedShareOf(answered);
  const budget = 1 - availability / 100;
  // Without a budget, the first failure has spent it all.
  const spent =
    failedShare === undefined ? undefined : budget > 0 ? failedShare / budget : failedShare > 0 ? Infinity : 0;
  const budgetLeft = spent === undefined ? undefined : 1 - spent;
  return {
    pool: name,
    objective: 'answered',
    target: availability,
    measured: failedShare === undefined ? undefined : 100 * (1 - failedShare),
    budgetLeft,
    overMs,
    kept: budgetLeft === undefined ? undefined : budgetLeft >= 0,
  };
}

function failedShareOf(answered: Pool['answered']): number | undefined {
  const { total = 0, failed = 0 } = answered?.requests ?? {};
  return total === 0 ? undefined : failed / total;
}

const percent = (value: number): string => `${formatFigure(Math.floor(value * 1000) / 1000)} %`;

/** A table of at most `width` columns, and over what it was measured. */
export function renderSlo(rows: readonly SloRow[], width: number, source: string): string {
  if (rows.length === 0) return 'No pool has objectives: spec.slo of a QwenDeployment is where they are set.';
  const shown = ({ objective }: SloRow, value: number | undefined): string => {
    if (value === undefined) return '-';
    return objective === 'answered' ? percent(value) : formatDuration(value);
  };
  const table = renderTable(
    [
      { title: 'POOL', flexible: true },
      { title: 'OBJECTIVE' },
      { title: 'TARGET', align: 'right' },
      { title: 'NOW', align: 'right' },
      { title: 'BUDGET LEFT', align: 'right' },
      { title: 'OVER', align: 'right' },
      { title: 'KEPT' },
    ],
    rows.map((row) => [
      row.pool,
      row.objective === 'answered' ? row.objective : `${row.objective} p95`,
      shown(row, row.target),
      shown(row, row.measured),
      row.budgetLeft === undefined ? '-' : formatShare(Math.max(-9.99, row.budgetLeft)),
      formatSpan(row.overMs),
      row.kept === undefined ? '-' : row.kept ? 'yes' : 'NO',
    ]),
    width,
  );
  return `${table}\n\n${source}`;
}

/** `40 s`, `12 min`, `5 h`, `30 d`. */
function formatSpan(overMs: number): string {
  const hours = overMs / 3_600_000;
  if (hours < 2) return formatDuration(overMs);
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}
