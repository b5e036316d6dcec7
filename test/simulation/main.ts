// npm run simulate [-- --seeds N] [--seed S] [--json] [--record]: whole fleets under faults, one a seed, and which break.
// npm run simulate -- --seeds 1 --seed S --trace: one of them, moment by moment.
import { parseArgs } from 'node:util';
import { Progress } from '@qwenfleet/cli/progress';
import { Terminal } from '@qwenfleet/cli/terminal';
import { record } from '../promises/record.ts';
import { simulate } from './simulate.ts';
import { Tally } from './tally.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
const seedMax = 2 ** 31;
/** How many seeds are one step of the progress. */
const stride = 25;
const { stdin, stdout, stderr } = process;
const terminal = new Terminal({ stdin, stdout, stderr }, values.json);
const seeds = whole('seeds', values.seeds);
const from = whole('seed', values.seed);

if (seeds !== undefined && from !== undefined) run(from, seeds);

function whole(name: string, text: string): number | undefined {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= seedMax) return value;
  terminal.talk(`--${name} ${text} is no whole number from 1 to ${seedMax}`);
  process.exitCode = 2;
  return undefined;
}

function run(first: number, count: number): void {
  const progress = new Progress(terminal);
  const startedMs = performance.now();
  const tally = new Tally();
  const trace = values.trace ? (line: string) => terminal.print(line) : undefined;
  for (let seed = first; seed < first + count; seed += 1) {
    const result = simulate(seed, { trace });
    tally.add(result);
    if (result.failure !== undefined) {
      terminal.talk(`✗ seed ${seed}: ${result.failure}; npm run simulate -- --seeds 1 --seed ${seed} --trace`);
    }
    if (tally.seeds % stride === 0 || tally.seeds === count) progress.count('seeds', tally.seeds, count);
  }
  progress.stop();
  const tookS = Math.round((performance.now() - startedMs) / 1000);
  const broken = tally.failed.length;
  const details = `${tally.text}; ${tookS} s`;
  if (values.json)
    terminal.printJson({ broken, failed: tally.failed, seeds: count, from: first, seen: tally.seen, tookS });
  else terminal.print(`${broken} broken of ${details}`);
  if (values.record) record('operator.simulated-seeds', { value: broken, details });
  if (broken > 0) process.exitCode = 1;
}
