// npm run bench:mixed [-- --minutes 30] [--seed N] [--uri ADDRESS] [--json]: one runtime under clients that ask
// anything, of whom one in twenty goes away, and what it holds at the end that it did not hold at the beginning.
import { parseArgs } from 'node:util';
import { randomSeed } from '@qwenfleet/core/rng';
import { cacheDir } from '../../harness/fleet.ts';
import { isCount, machine, refuse } from '../command.ts';
import { measureMixed } from './measure.ts';
import { leftBehind, renderMixed } from './table.ts';

const minutesMax = 24 * 60;
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(randomSeed()) },
    uri: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);

if (!(minutes > 0 && minutes <= minutesMax)) refuse(`--minutes ${values.minutes} is no number up to ${minutesMax}`);
else if (!isCount(seed, 2 ** 32)) refuse(`--seed ${values.seed} is no number from 1 to ${2 ** 32}`);
else await bench();

async function bench(): Promise<void> {
  const { uri } = values;
  const report = await measureMixed({ minutes, seed, cacheDir, ...(uri === undefined ? {} : { uri }) });
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, ...report }, null, 2)}\n`);
  else process.stdout.write(`${machine}\n${renderMixed(report)}\n`);
  // How memory grows within a minute says nothing: what is left behind does.
  if (leftBehind(report) > 0) process.exitCode = 1;
}
