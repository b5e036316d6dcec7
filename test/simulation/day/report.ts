import { renderTable } from '@qwenfleet/cli/table';
import type { Hour } from './day.ts';

export const shareOf = ({ requests, large }: Hour): number => large / requests;

/** Points between the share of an hour and the one that was asked for, in the hour that is furthest from it. */
export const offPoints = (hours: readonly Hour[], wanted: number, share = shareOf): number =>
  Math.max(...hours.map((hour) => Math.abs(share(hour) - wanted) * 100));
export const fixedShareOf = ({ requests, largeAtFixed }: Hour): number => largeAtFixed / requests;

/** A line an hour, and the day as four rows of blocks. */
export function report(hours: readonly Hour[], wanted: number, width: number): string {
  const rows = hours.map((hour, at) => [
    String(at),
    String(hour.requests),
    percent(hour.hard / hour.requests),
    percent(shareOf(hour)),
    percent(fixedShareOf(hour)),
    hour.costWeight.toFixed(3),
    String(hour.moved),
    String(hour.refused),
  ]);
  const titles = ['hour', 'requests', 'hard', 'large', 'at a fixed weight', 'cost weight', 'moved', 'refused'];
  const columns = titles.map((title) => ({ title, align: 'right' as const }));
  const lines: [string, number[], number, number][] = [
    ['requests', hours.map(({ requests }) => requests), 0, Math.max(...hours.map(({ requests }) => requests))],
    ['cost weight', hours.map(({ costWeight }) => costWeight), 0, Math.max(...hours.map((hour) => hour.costWeight))],
    ['large', hours.map(shareOf), 0, 2 * wanted],
    ['at a fixed weight', hours.map(fixedShareOf), 0, 2 * wanted],
  ];
  return [
    renderTable(columns, rows, width),
    '',
    ...lines.map(([name, values, low, high]) => `${name.padStart(18)}  ${blocks(values, low, high)}`),
    `${''.padStart(18)}  0     6     12    18     (large: the middle of the row is ${percent(wanted)} %)`,
  ].join('\n');
}

const levels = Array.from(' ▁▂▃▄▅▆▇█');
const blocks = (values: readonly number[], low: number, high: number): string =>
  values
    .map((value) => levels[Math.round(Math.min(1, Math.max(0, (value - low) / (high - low))) * (levels.length - 1))])
    .join('');

const percent = (share: number): string => (share * 100).toFixed(1);
