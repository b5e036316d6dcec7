// npm run bench:drafts [-- --quantization int8,float32 --drafts 8 --tokens 120 --rounds 5 --threads N --json]:
// tokens a second, and CPU time a token, with and without drafts by prompt lookup, of the demo's model, on a text that
// copies and on one that does not.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { renderTable } from '@qwenfleet/cli/table';
import { systemClock } from '@qwenfleet/core/clock';
import { quantizations } from '@qwenfleet/core/fleet/runtime-config';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { rowCosts, type DraftSettings } from '@qwenfleet/runtime/engine/drafter';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import { collect, plainSampling, requestOf } from '@qwenfleet/runtime/fixtures/generation';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { pull } from '@qwenfleet/runtime/source/pull';
import { ChatTemplate } from '@qwenfleet/runtime/text/chat-template';
import { openTokenizer } from '@qwenfleet/runtime/text/hugging-face';
import { readTextFiles } from '@qwenfleet/runtime/text/model-files';
import { demoWeights } from '../harness/small-pool.ts';
import { showSpread, spreadOf, type Spread } from '../harness/statistics.ts';
import { root } from '../house/imports.ts';
import { isCount, machine, refuse } from './command.ts';

const slotTokens = 2048;
const draftsMax = 16;
const tokensMax = 1_000;
const roundsMax = 100;
const threadsMax = 256;

const code = readFileSync(path.join(root, 'runtime/rate-window.ts'), 'utf8');
const texts = [
  {
    name: 'a file again, with another name in it',
    ask: `Rename the class RateWindow to RateMeter, and print the whole file again.\n\n${code}`,
  },
  { name: 'a story', ask: 'Write a short story about a lighthouse keeper who finds a letter.' },
];

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    quantization: { ...text, default: 'int8,float32' },
    drafts: { ...text, default: '8' },
    tokens: { ...text, default: '120' },
    rounds: { ...text, default: '5' },
    threads: { ...text, default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
  },
});
const wanted = values.quantization.split(',');
const asked = quantizations.filter((name) => wanted.includes(name));
const [drafts, tokens, rounds, threads] = [values.drafts, values.tokens, values.rounds, values.threads].map(Number) as [
  number,
  number,
  number,
  number,
];

if (asked.length !== wanted.length)
  refuse(`--quantization ${values.quantization}: each is one of ${quantizations.join(', ')}`);
else if (!isCount(drafts, draftsMax)) refuse(`--drafts ${values.drafts} is no number from 1 to ${draftsMax}`);
else if (!isCount(tokens, tokensMax)) refuse(`--tokens ${values.tokens} is no number from 1 to ${tokensMax}`);
else if (!isCount(rounds, roundsMax)) refuse(`--rounds ${values.rounds} is no number from 1 to ${roundsMax}`);
else if (!isCount(threads, threadsMax)) refuse(`--threads ${values.threads} is no number from 1 to ${threadsMax}`);
else await bench();

/**
 * Tokens a second after the first; how many times as many, and how much of the CPU time a token, with drafts; guesses of
 * one answer, and how many of them were right.
 */
type Row = {
  quantization: string;
  text: string;
  without: Spread;
  with: Spread;
  timesAsFast: Spread;
  cpu: Spread;
  drafted: number;
  accepted: number;
};

async function bench(): Promise<void> {
  const cacheDir = path.join(root, '.cache/bench');
  const model = readModel(await pull(demoWeights, readSourceConfig(cacheDir)));
  const files = readTextFiles(model);
  const template = ChatTemplate.open(files, openTokenizer(files));
  if (!template) throw new Error('no chat template');
  const rows: Row[] = [];
  for (const quantization of asked) {
    const options = { slots: 1, slotTokens, threads, quantization, cacheDir, draftTokensMax: drafts };
    const generator = await loadModel(model, options);
    if (generator.kind !== 'generator') throw new Error('no generator');
    for (const { name, ask } of texts) {
      const prompt = template.prompt([{ role: 'user', content: ask }]).tokens;
      rows.push({ quantization, text: name, ...(await measured(generator, prompt, rowCosts[quantization])) });
    }
    await generator.release();
  }
  print(rows);
}

/** Both ways once a round, in turn, so that what slows the machine for a while slows both. The first round warms up. */
async function measured(
  generator: Generator,
  prompt: readonly number[],
  cost: DraftSettings['cost'],
): Promise<Omit<Row, 'quantization' | 'text'>> {
  const found: Record<'plain' | 'drafting', { perSecond: number; cpuMs: number }[]> = { plain: [], drafting: [] };
  let last = { drafted: 0, accepted: 0 };
  for (let round = -1; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['plain', 'drafting'] as const) : (['drafting', 'plain'] as const);
    for (const way of order) {
      const settings = way === 'plain' ? undefined : { tokensMax: drafts, cost };
      const { perSecond, cpuMs, ...counted } = await answered(generator, prompt, settings);
      if (way === 'drafting') last = counted;
      if (round >= 0) found[way].push({ perSecond, cpuMs });
    }
  }
  const ratioOf = (what: 'perSecond' | 'cpuMs'): Spread =>
    spreadOf(found.drafting.map((of, round) => of[what] / (found.plain[round]?.[what] ?? Number.NaN)));
  const rates = (way: 'plain' | 'drafting'): Spread => spreadOf(found[way].map(({ perSecond }) => perSecond));
  return {
    without: rates('plain'),
    with: rates('drafting'),
    timesAsFast: ratioOf('perSecond'),
    cpu: ratioOf('cpuMs'),
    ...last,
  };
}

/** An engine of its own for each answer: it knows of no earlier prompt. */
async function answered(
  generator: Generator,
  prompt: readonly number[],
  settings: DraftSettings | undefined,
): Promise<{ perSecond: number; cpuMs: number; drafted: number; accepted: number }> {
  let [drafted, accepted] = [0, 0];
  let prefilled = process.cpuUsage();
  const engine = new Engine({
    generator,
    clock: systemClock,
    prefillChunkTokens: 128,
    queueMax: 1,
    drafts: settings,
    onStep: (step) => {
      if (step.kind === 'prefill') prefilled = process.cpuUsage();
      drafted += step.drafted;
      accepted += step.accepted;
    },
  });
  const { end } = await collect(engine, requestOf(prompt, { maxTokens: tokens, sampling: plainSampling }));
  const perSecond = ((end.completionTokens - 1) / (end.totalMs - end.firstTokenMs)) * 1000;
  const { user, system } = process.cpuUsage(prefilled);
  return { perSecond, cpuMs: (user + system) / 1000 / (end.completionTokens - 1), drafted, accepted };
}

function print(rows: readonly Row[]): void {
  if (values.json)
    return void process.stdout.write(
      `${JSON.stringify({ machine, threads, drafts, tokens, rounds, rows }, null, 2)}\n`,
    );
  const columns = [
    { title: 'IN' },
    { title: 'TEXT' },
    { title: 'WITHOUT, TOKENS/S', align: 'right' },
    { title: 'WITH, TOKENS/S', align: 'right' },
    { title: 'TIMES AS FAST', align: 'right' },
    { title: 'CPU A TOKEN', align: 'right' },
    { title: 'GUESSED', align: 'right' },
    { title: 'RIGHT', align: 'right' },
  ] as const;
  const cells = rows.map((row) => [
    row.quantization,
    row.text,
    showSpread(row.without, 1),
    showSpread(row.with, 1),
    showSpread(row.timesAsFast),
    showSpread(row.cpu),
    String(row.drafted),
    String(row.accepted),
  ]);
  process.stdout.write(
    `${machine}\n${threads} threads, ${drafts} drafts at most, ${tokens} tokens, ${rounds} rounds\n\n`,
  );
  process.stdout.write(`${renderTable([...columns], cells, 140)}\n`);
}
