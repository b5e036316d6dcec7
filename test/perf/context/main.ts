// npm run bench:context [-- --rounds N --threads N --kv-cache-dtype int8] [--short] [--json]: 32,768 tokens in the shape of Qwen3-0.6B, their memory,
// and the speed at 1K, 8K and 32K; and a needle in all of the context of the demo's model. The full form is kept in
// docs/measurements.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '@qwenfleet/cli/progress';
import { renderTable } from '@qwenfleet/cli/table';
import { Terminal } from '@qwenfleet/cli/terminal';
import { kvCacheDtypes, runtimeConfigSchema, type KvCacheDtype } from '@qwenfleet/core/fleet/runtime-config';
import { command } from '../../harness/command.ts';
import { root } from '../../house/imports.ts';
import { promiseLines } from '../../promises/document.ts';
import { holds } from '../../promises/promise.ts';
import { record } from '../../promises/record.ts';
import { isCount, machine, refuse } from '../command.ts';
import { ownFile } from '../runtime/models.ts';
import type { LengthsFound, LengthsTask } from './lengths.ts';
import { findNeedle, type NeedleFound } from './needle.ts';

type Report = LengthsFound & { needle: NeedleFound };

/** For tests: a model that is in the repository, and a needle close by. */
const sizes = {
  full: { model: 'qwen3-0.6b', lengths: [1_024, 8_192, 32_768], needleTokensMax: Number.POSITIVE_INFINITY },
  short: { model: 'tiny', lengths: [256, 2_048], needleTokensMax: 512 },
} as const;
const roundsMax = 1_000;
const threadsMax = 256;
const lengthsMsMax = 3_600_000;
const widthMax = 120;
const cacheDir = path.join(root, '.cache/bench');
/** As a runtime is that was told nothing. */
const { engine } = runtimeConfigSchema.parse({ servedName: 'bench', model: { uri: 'file:///bench' }, cacheDir });

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(engine.threads) },
    'kv-cache-dtype': { type: 'string', default: 'float32' },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);

const [kvCacheDtype] = kvCacheDtypes.filter((name) => name === values['kv-cache-dtype']);

if (kvCacheDtype === undefined)
  refuse(`--kv-cache-dtype ${values['kv-cache-dtype']} is none of ${kvCacheDtypes.join(', ')}`);
else if (!isCount(rounds, roundsMax)) refuse(`--rounds ${values.rounds} is no number from 1 to ${roundsMax}`);
else if (!isCount(threads, threadsMax)) refuse(`--threads ${values.threads} is no number from 1 to ${threadsMax}`);
else await bench(values.short ? 'short' : 'full', kvCacheDtype);

async function bench(form: keyof typeof sizes, dtype: KvCacheDtype): Promise<void> {
  const progress = new Progress(new Terminal(process));
  const say = (done: number): void => (form === 'short' ? undefined : progress.count('long context', done, 2));
  try {
    const { model, lengths, needleTokensMax } = sizes[form];
    say(0);
    const chunkTokens = engine.prefillChunkTokens;
    const task: LengthsTask = {
      model: await ownFile(model, cacheDir),
      quantization: 'int8',
      kvCacheDtype: dtype,
      threads,
      chunkTokens,
      lengths,
      rounds,
      cacheDir,
    };
    const found = await measuredApart(task);
    say(1);
    const needle = await findNeedle({
      cacheDir,
      kvCacheDtype: dtype,
      threads,
      chunkTokens,
      tokensMax: needleTokensMax,
    });
    progress.stop();
    tell({ ...found, needle }, form);
  } finally {
    progress.stop();
  }
}

/** In a process of its own, whose memory is the model's. */
async function measuredApart(task: LengthsTask): Promise<LengthsFound> {
  const program = path.join(import.meta.dirname, 'lengths.ts');
  const { code, stdout, stderr } = await command(process.execPath, [program, JSON.stringify(task)], {
    cwd: root,
    timeoutMs: lengthsMsMax,
  });
  if (code !== 0) throw new Error(`measuring failed: ${stderr}`);
  // Written by lengths.ts.
  return JSON.parse(stdout) as LengthsFound;
}

function tell(report: Report, form: keyof typeof sizes): void {
  const conditions = {
    machine,
    rounds,
    threads,
    chunkTokens: engine.prefillChunkTokens,
    quantization: 'int8',
    kvCacheDtype,
  };
  if (values.json) process.stdout.write(`${JSON.stringify({ ...conditions, ...report }, null, 2)}\n`);
  else process.stdout.write(`${machine}; ${threads} threads, ${rounds} rounds\n\n${rendered(report)}\n`);
  if (form === 'short' || kvCacheDtype !== 'float32') return;
  const details = `${rendered(report).replaceAll(/\s*\n\s*/g, '; ')}; ${machine}, ${threads} threads`;
  const kept = { 'runtime.context-memory-mb': report.memoryMb, 'runtime.context-needle': report.needle.found ? 1 : 0 };
  for (const [id, value] of Object.entries(kept)) {
    record(id, { value: Math.round(value), details });
    const line = promiseLines().find((each) => each.id === id);
    if (line && !holds(line.target, value)) process.exitCode = 1;
  }
}

function rendered({ lengths, memoryMb, cacheMb, needle }: Report): string {
  const columns = ['TOKENS', 'PREFILL, TOKENS/S', 'DECODE, TOKENS/S'].map((title) => ({
    title,
    align: 'right' as const,
  }));
  const rows = lengths.map(({ tokens, prefillTokensPerSecond, decodeTokensPerSecond }) => [
    String(tokens),
    prefillTokensPerSecond.toFixed(1),
    decodeTokensPerSecond.toFixed(2),
  ]);
  const { tokens, found, answer, firstTokenMs } = needle;
  return [
    renderTable(columns, rows, widthMax),
    `${Math.round(memoryMb)} MB at most, ${Math.round(cacheMb)} of them the cache`,
    `the needle in ${tokens} tokens was ${found ? 'found' : 'not found'} after ${Math.round(firstTokenMs / 1000)} s: ${JSON.stringify(answer)}`,
  ].join('\n');
}
