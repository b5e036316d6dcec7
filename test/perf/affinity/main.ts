// npm run bench:affinity [-- --seed S]: what clients notice of how replicas are chosen. Replicas and time are simulated, the choice is the router's.
import { parseArgs } from 'node:util';
import { renderTable, type Column } from '@qwenfleet/cli/table';
import { isCount, refuse } from '../command.ts';
import { widthMax } from '../table.ts';
import { loads, simulate, strategies } from './simulate.ts';

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } });
/** Seeds have 32 bits. */
const seedMax = 2 ** 32 - 1;
const seed = Number(values.seed);
const columns: Column[] = [
  { title: 'LOAD', flexible: true },
  { title: 'REPLICAS BY' },
  { title: 'CACHED', align: 'right' },
  { title: 'FIRST TOKEN, MS (P95)', align: 'right' },
  { title: 'WHOLE, MS (P95)', align: 'right' },
];

if (!isCount(seed, seedMax)) refuse(`--seed ${values.seed} is no whole number`);
else {
  const rows = Object.entries(loads).flatMap(([name, load]) =>
    strategies.map((strategy) => {
      const found = simulate(strategy, load, seed);
      const both = (middle: number, high: number): string => `${middle.toFixed(0)} (${high.toFixed(0)})`;
      const cached = `${(100 * found.cachedShare).toFixed(0)} %`;
      const times = [both(found.firstByteMs, found.firstByteP95Ms), both(found.totalMs, found.totalP95Ms)];
      return [name, strategy, cached, ...times];
    }),
  );
  process.stdout.write(`${renderTable(columns, rows, widthMax)}\n`);
}
