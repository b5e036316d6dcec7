import { renderTable, type Column } from '@qwenfleet/cli/table';
import { showSpread } from '../harness/statistics.ts';
import type { Bench } from './measure.ts';

/** Wide enough for the figures, narrow enough for a README. */
export const widthMax = 100;

const columns: Column[] = [
  { title: 'POOL', flexible: true },
  { title: 'STREAMS', align: 'right' },
  { title: 'WAY' },
  { title: 'FIRST TOKEN, MS', align: 'right' },
  { title: 'TOKENS/S, ALL STREAMS', align: 'right' },
  { title: 'FAILED', align: 'right' },
];

/** A row for each pool, number of streams and way: median (least to most). */
export function renderBench({ routerAddsMs, cells }: Bench): string {
  const rows = cells.map((cell) => [
    cell.pool,
    String(cell.streams),
    cell.way,
    showSpread(cell.firstTokenMs, 0),
    showSpread(cell.tokensPerSecond, 1),
    `${cell.failures}/${cell.requests}`,
  ]);
  const added = `The router adds ${routerAddsMs.median.toFixed(2)} ms to a request (median of ${routerAddsMs.pairs} pairs).`;
  return `${renderTable(columns, rows, widthMax)}\n\n${added}`;
}
