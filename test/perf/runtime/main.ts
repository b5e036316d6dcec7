// npm run bench:runtime [-- --model NAME --quantization int8 --rounds N --threads N] [--short] [--json]:
// our engine against llama.cpp (node-llama-cpp) on this machine, each in a process of its own, in turn.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '@qwenfleet/cli/progress';
import { Terminal } from '@qwenfleet/cli/terminal';
import { root } from '../../house/imports.ts';
import { isCount, machine, refuse } from '../command.ts';
import { measureRuntimes, type RuntimeBenchOptions } from './measure.ts';
import { comparedQuantizations, modelNames } from './models.ts';
import { installPeers } from './peers.ts';
import { contenderNames } from './process.ts';
import { renderRows } from './table.ts';

type Sizes = Pick<RuntimeBenchOptions, 'models' | 'rounds' | 'batches' | 'prompts' | 'pastTokens' | 'steps'>;

const full: Sizes = {
  models: ['smollm2-135m', 'qwen3-0.6b'],
  rounds: 5,
  batches: [1, 8, 16],
  prompts: [512, 2048],
  pastTokens: 256,
  steps: 12,
};
/** For tests: everything once, of a model that is in the repository, and only with peers that are there. */
const short: Sizes = { models: ['tiny'], rounds: 1, batches: [1, 4], prompts: [16, 48], pastTokens: 8, steps: 2 };

const roundsMax = 1_000;
const threadsMax = 256;

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    quantization: { type: 'string', default: 'int8' },
    rounds: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const sizes = values.short ? short : full;
const rounds = Number(values.rounds ?? sizes.rounds);
const threads = Number(values.threads);
const models = values.model === undefined ? sizes.models : modelNames.filter((name) => name === values.model);
const quantizations = comparedQuantizations.filter((name) => name === values.quantization);

if (models.length === 0) refuse(`--model ${values.model} is none of ${modelNames.join(', ')}`);
else if (quantizations.length === 0)
  refuse(`--quantization ${values.quantization} is none of ${comparedQuantizations.join(', ')}`);
else if (!isCount(rounds, roundsMax)) refuse(`--rounds ${values.rounds} is no number from 1 to ${roundsMax}`);
else if (!isCount(threads, threadsMax)) refuse(`--threads ${values.threads} is no number from 1 to ${threadsMax}`);
else await bench();

async function bench(): Promise<void> {
  const peers = installPeers(!values.short);
  if ('missing' in peers) process.stderr.write(`llama.cpp is left out: ${peers.missing}\n`);
  const progress = new Progress(new Terminal(process));
  const rows = await measureRuntimes({
    ...sizes,
    models,
    quantizations,
    rounds,
    threads,
    contenders: 'missing' in peers ? ['qwenfleet'] : contenderNames,
    peers: 'missing' in peers ? '' : peers.folder,
    cacheDir: path.join(root, '.cache/bench'),
    ...(values.short ? {} : { onRound: (what, done, total) => progress.count(what, done, total) }),
  }).finally(() => progress.stop());
  const missing = 'missing' in peers ? { llama: peers.missing } : {};
  const { pastTokens, steps } = sizes;
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ machine, rounds, threads, pastTokens, steps, missing, rows }, null, 2)}\n`,
    );
  else process.stdout.write(`${machine}; ${threads} threads, ${rounds} rounds\n\n${renderRows(rows)}\n`);
}
