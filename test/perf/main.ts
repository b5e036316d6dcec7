// npm run bench [-- --rounds N] [--tokens N] [--short] [--json]: the fleet of `npm start` as its users feel it.
import { parseArgs } from 'node:util';
import { renderTable } from '@qwenfleet/cli/table';
import { showSpread } from '../harness/statistics.ts';
import { benchFleet, type BenchRow } from './fleet-bench.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    tokens: { type: 'string' },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.short ? 1 : 5));
const tokens = Number(values.tokens ?? (values.short ? 8 : 48));
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(tokens) || tokens < 2) {
  process.stderr.write('--rounds takes a whole number from 1, --tokens one from 2, such as --rounds 5 --tokens 48\n');
  process.exit(2);
}

const rows = await benchFleet({
  rounds,
  tokens,
  onRound: (round) => process.stderr.write(`round ${round} of ${rounds}\n`),
});
process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : `${table(rows)}\n`);
process.exit(rows.every(({ failures }) => failures === 0) ? 0 : 1);

function table(of: readonly BenchRow[]): string {
  const figures = ['STREAMS', 'TTFT MS', 'TOKENS/S', 'FAILED'].map((title) => ({ title, align: 'right' as const }));
  const columns = [{ title: 'POOL' }, { title: 'VIA' }, ...figures];
  const cells = of.map((row) => [
    row.pool,
    row.via,
    String(row.streams),
    showSpread(row.ttftMs, 0),
    showSpread(row.tokensPerSecond, 1),
    String(row.failures),
  ]);
  return renderTable(columns, cells, process.stdout.columns ?? 100);
}
