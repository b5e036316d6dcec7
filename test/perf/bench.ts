// npm run bench [-- --rounds N] [--json] [--short] [--profile NAME]: the fleet as somebody at a client sees it.
import { parseArgs } from 'node:util';
import { startFleet } from '../harness/fleet.ts';
import { isCount, machine, refuse } from './command.ts';
import { measureFleet, type BenchOptions } from './measure.ts';
import { renderBench } from './table.ts';

const full: BenchOptions = {
  rounds: 5,
  tokensMax: 32,
  streams: [1, 8],
  pairs: { pairsMax: 200, pairsMin: 40, withinMs: 20_000 },
};
/** For tests: every cell once, few tokens. */
const short: BenchOptions = {
  rounds: 1,
  tokensMax: 8,
  streams: [1, 8],
  pairs: { pairsMax: 5, pairsMin: 5, withinMs: 0 },
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    json: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    profile: { type: 'string', default: 'demo' },
  },
});
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);

if (rounds !== undefined && !isCount(rounds, 1_000)) refuse(`--rounds ${values.rounds} is no number from 1 to 1000`);
else {
  const chosen = values.short ? short : full;
  await bench({ ...chosen, rounds: rounds ?? chosen.rounds });
}

async function bench(options: BenchOptions): Promise<void> {
  if (!values.json) process.stdout.write(`${machine}; profile ${values.profile}, ${options.rounds} rounds\n\n`);
  const fleet = await startFleet({ args: ['--profile', values.profile] });
  try {
    const found = await measureFleet(fleet, options);
    if (values.json) {
      const { rounds: taken, tokensMax } = options;
      const report = { machine, profile: values.profile, rounds: taken, tokensMax, ...found };
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    } else process.stdout.write(`${renderBench(found)}\n`);
    if (found.cells.some(({ failures }) => failures > 0)) process.exitCode = 1;
  } finally {
    await fleet.stop();
  }
}
