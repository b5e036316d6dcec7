import { renderTable, type Column } from '@qwenfleet/cli/table';
import { showSpread } from '../../harness/statistics.ts';
import type { Row } from './measure.ts';

const widthMax = 120;

const columns: Column[] = [
  { title: 'MODEL' },
  { title: 'IN' },
  { title: 'WORK' },
  { title: 'QWENFLEET', align: 'right' },
  { title: 'LLAMA.CPP', align: 'right' },
  { title: 'TIMES AS FAST', align: 'right' },
];

/** A row for each model, quantisation and piece of work: median (least to most). */
export function renderRows(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const digits = row.kind === 'start' ? 0 : 1;
    const { qwenfleet, llama } = row.figures;
    return [
      row.model,
      row.quantization,
      workOf(row),
      qwenfleet ? showSpread(qwenfleet, digits) : '–',
      llama ? showSpread(llama, digits) : '–',
      row.timesAsFast ? showSpread(row.timesAsFast) : '–',
    ];
  });
  return renderTable(columns, cells, widthMax);
}

function workOf(row: Row): string {
  if (row.kind === 'start') return 'first token, ms';
  return row.kind === 'decode' ? `decode ${row.size}, tokens/s` : `prefill ${row.size}, tokens/s`;
}
