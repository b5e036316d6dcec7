// npm run bench:switches [-- --model smollm2-135m --quantization int8 --slots 8 --rounds N --requests N] [--short] [--json]:
// our engine with everything that makes it fast switched off, with each of these alone, and with all of them.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '@qwenfleet/cli/progress';
import { Terminal } from '@qwenfleet/cli/terminal';
import { root } from '../../house/imports.ts';
import { record } from '../../promises/record.ts';
import { isCount, machine, refuse } from '../command.ts';
import { comparedQuantizations, modelNames, ownFile, type ModelName } from '../runtime/models.ts';
import { measureSwitches, type SwitchesOptions, type SwitchRow } from './measure.ts';
import { renderSwitches } from './table.ts';

type Sizes = Pick<SwitchesOptions, 'clients' | 'promptTokens' | 'answerTokens'>;

const full: Sizes = { clients: 8, promptTokens: 64, answerTokens: 24 };
/** For tests: a model that is in the repository, once. */
const short: Sizes = { clients: 3, promptTokens: 8, answerTokens: 4 };

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m' },
    quantization: { type: 'string', default: 'int8' },
    slots: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '12' },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const name = values.short ? 'tiny' : modelNames.find((known) => known === values.model);
const quantization = comparedQuantizations.find((known) => known === values.quantization);
const [slots, rounds, requests] = [values.slots, values.short ? '1' : values.rounds, values.requests].map(Number) as [
  number,
  number,
  number,
];

if (!name) refuse(`--model ${values.model} is none of ${modelNames.join(', ')}`);
else if (!quantization) refuse(`--quantization ${values.quantization} is none of ${comparedQuantizations.join(', ')}`);
else if (!isCount(slots, 64)) refuse(`--slots ${values.slots} is no number from 1 to 64`);
else if (!isCount(rounds, 100)) refuse(`--rounds ${values.rounds} is no number from 1 to 100`);
else if (!isCount(requests, 1_000)) refuse(`--requests ${values.requests} is no number from 1 to 1000`);
else await bench(name, { slots, quantization, threads: availableParallelism() });

async function bench(model: ModelName, on: SwitchesOptions['on']): Promise<void> {
  const cacheDir = path.join(root, '.cache/bench');
  const progress = new Progress(new Terminal(process));
  const sizes = values.short ? short : full;
  const rows = await measureSwitches({
    ...sizes,
    location: await ownFile(model, cacheDir),
    cacheDir: path.join(cacheDir, 'switches', model),
    on,
    rounds,
    requests,
    ...(values.short ? {} : { onRound: (done, total) => progress.count(`rounds of ${model}`, done, total) }),
  }).finally(() => progress.stop());
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, model, on, rounds, ...sizes, rows }, null, 2)}\n`);
  else process.stdout.write(`${machine}; ${model}, ${rounds} rounds\n\n${renderSwitches(rows)}\n`);
  if (!values.short) keep(model, rows);
}

function keep(model: ModelName, rows: readonly SwitchRow[]): void {
  const all = rows.at(-1);
  if (!all) return;
  const spread = ({ min, max }: { min: number; max: number }): string =>
    `${min.toFixed(2)} to ${max.toFixed(2)} in ${rounds} rounds; ${model}, ${quantization}, ${machine}`;
  const two = (value: number): number => Math.round(value * 100) / 100;
  record('runtime.switches-requests', { value: two(all.timesAsMany.median), details: spread(all.timesAsMany) });
  record('runtime.switches-latency', { value: two(all.latencyRatio.median), details: spread(all.latencyRatio) });
}
