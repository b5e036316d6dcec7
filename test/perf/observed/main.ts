// npm run bench:observed [-- --rounds N] [--json]: what it costs the router to be watched.
import { parseArgs } from 'node:util';
import { showSpread } from '../../harness/statistics.ts';
import { renderTable } from '@qwenfleet/cli/table';
import { isCount, machine, refuse } from '../command.ts';
import { measureObserved, type ObservedReport } from './measure.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const requests = 400;
const keys = 1_000;

if (!isCount(rounds, 1_000)) refuse(`--rounds ${values.rounds} is no number from 1 to 1000`);
else {
  const report = await measureObserved({ rounds, requests, keys });
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, rounds, requests, ...report }, null, 2)}\n`);
  else process.stdout.write(`${machine}; ${rounds} rounds of ${requests} requests\n\n${render(report)}\n`);
}

function render({ cpu, exposition }: ObservedReport): string {
  const columns = [
    { title: 'WATCHED' },
    { title: 'CPU OF A REQUEST', align: 'right' as const },
    { title: 'MORE', align: 'right' as const },
  ];
  const rows = cpu.map(({ watched, microseconds, morePercent }) => [
    watched,
    `${showSpread(microseconds, 0)} us`,
    `${morePercent.toFixed(1)} %`,
  ]);
  const { pools, keys: clients, series, megabytes, milliseconds } = exposition;
  const metrics = `/metrics with ${pools} pools and ${clients} keys: ${series} series, ${megabytes.toFixed(2)} MB, ${showSpread(milliseconds, 1)} ms of CPU`;
  return `${renderTable(columns, rows, 80)}\n\n${metrics}`;
}
