import { renderTable, type Column } from '@qwenfleet/cli/table';
import { showSpread } from '../../harness/statistics.ts';
import type { SwitchRow } from './measure.ts';

const widthMax = 120;

const columns: Column[] = [
  { title: 'SWITCHED ON' },
  { title: 'REQUESTS/S', align: 'right' },
  { title: 'TIMES AS MANY', align: 'right' },
  { title: 'LATENCY, MS', align: 'right' },
  { title: 'TIMES AS LONG', align: 'right' },
];

/** A row for each switch: median (least to most). */
export const renderSwitches = (rows: readonly SwitchRow[]): string =>
  renderTable(
    columns,
    rows.map(({ name, requestsPerSecond, timesAsMany, latencyMs, latencyRatio }) => [
      name,
      showSpread(requestsPerSecond),
      showSpread(timesAsMany),
      showSpread(latencyMs, 0),
      showSpread(latencyRatio),
    ]),
    widthMax,
  );
