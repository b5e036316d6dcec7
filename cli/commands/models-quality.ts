import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { quantizations, type KvCacheDtype, type Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel, type OpenModel } from '@qwenfleet/runtime/model/read';
import { compareModels, type Quality } from '@qwenfleet/runtime/quality/compare';
import { pull } from '@qwenfleet/runtime/source/pull';
import { openTokenizer } from '@qwenfleet/runtime/text/hugging-face';
import { readTextFiles } from '@qwenfleet/runtime/text/model-files';
import { Failure, type Exit } from '../failure.ts';
import { Progress } from '../progress.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export type ModelsQualityOptions = {
  revision?: string | undefined;
  /** Files to read instead of the texts that come along. */
  text?: readonly string[] | undefined;
  /** What those that are measured keep keys and values as; the weights in float32 keep float32. */
  kvCacheDtype?: KvCacheDtype | undefined;
  cacheDir: string;
  terminal: Terminal;
};

/** Tokens of a text that see each other: enough for most of what a context adds, at little memory. */
const windowTokens = 256;
/** Tokens whose logits are computed at once. */
const chunkTokens = 16;
const ownTexts = ['english', 'chinese'].map((name) => new URL(`../../data/quality/${name}.txt`, import.meta.url));

export type QualityRow = { quantization: Quantization; kvCacheDtype: KvCacheDtype; megabytes: number } & Quality;

/** What each quantisation of a model costs, against its float32 weights, on English and Chinese text. */
export async function modelsQuality(uri: string, options: ModelsQualityOptions): Promise<Exit> {
  const { revision, cacheDir, terminal } = options;
  const progress = new Progress(terminal);
  try {
    const location = await pull(uri, {
      ...readSourceConfig(cacheDir),
      revision,
      onProgress: ({ name, doneBytes, totalBytes }) => progress.bytes(name, doneBytes, totalBytes),
    });
    const model = readModel(location);
    if (model.task !== 'generate')
      throw new Failure('usage', `${model.name} makes vectors, and what they lose is not measured.`, {
        remedy: 'Give a model that makes text.',
      });
    const tokens = tokensOf(model, options.text ?? ownTexts);
    const rows = await measured(model, tokens, options, progress);
    progress.stop();
    if (terminal.json) rows.forEach((row) => terminal.printJson(row));
    else terminal.print(renderQuality(rows, terminal.width));
    return 'ok';
  } finally {
    progress.stop();
  }
}

function tokensOf(model: OpenModel, texts: readonly (string | URL)[]): number[] {
  const tokenizer = openTokenizer(readTextFiles(model));
  const tokens = texts.flatMap((file) => tokenizer.encode(textOf(file), false));
  if (tokens.length >= 2) return tokens;
  throw new Failure('usage', '--text: there are fewer than two tokens in it.', { remedy: 'Give a longer text.' });
}

function textOf(file: string | URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure('usage', `--text: ${String(file)} cannot be read.`, { remedy: 'Give a text file.', cause });
  }
}

/** The float32 weights stay in memory beside each of the others in turn. */
async function measured(
  model: OpenModel,
  tokens: readonly number[],
  { cacheDir, kvCacheDtype = 'float32' }: ModelsQualityOptions,
  progress: Progress,
): Promise<QualityRow[]> {
  const open = (quantization: Quantization, dtype: KvCacheDtype): Promise<Generator> =>
    opened(model, { quantization, kvCacheDtype: dtype, cacheDir }, progress);
  const exact = await open('float32', 'float32');
  const rows: QualityRow[] = [];
  try {
    const others = quantizations.filter((each) => each !== 'float32' || kvCacheDtype !== 'float32');
    for (const quantization of others) {
      const other = await open(quantization, kvCacheDtype);
      try {
        const found = await compareModels(exact, other, tokens, (done) =>
          progress.count(`reading in ${quantization}`, done, tokens.length),
        );
        if (rows.length === 0)
          rows.push({
            quantization: 'float32',
            kvCacheDtype: 'float32',
            megabytes: megabytesOf(exact),
            ...found.exact,
          });
        rows.push({ quantization, kvCacheDtype, megabytes: megabytesOf(other), ...found.other });
      } finally {
        await other.release();
      }
    }
  } finally {
    await exact.release();
  }
  return rows;
}

const megabytesOf = ({ memoryBytes }: Generator): number => Math.round(memoryBytes / 1e6);

async function opened(
  model: OpenModel,
  options: { quantization: Quantization; kvCacheDtype: KvCacheDtype; cacheDir: string },
  progress: Progress,
): Promise<Generator> {
  const loaded = await loadModel(model, {
    slots: chunkTokens,
    slotTokens: Math.min(windowTokens, model.contextLength),
    threads: availableParallelism(),
    ...options,
    onProgress: (phase, done, total) => progress.count(`${phase} in ${options.quantization}`, done, total),
  });
  if (loaded.kind === 'generator') return loaded;
  await loaded.release();
  throw new Failure('usage', `${model.name} makes no text.`);
}

export function renderQuality(rows: readonly QualityRow[], width: number): string {
  const columns = [
    { title: 'QUANTIZATION' },
    ...['PERPLEXITY', 'MEAN KL', 'TOP-1', 'MEMORY'].map((title) => ({ title, align: 'right' as const })),
  ];
  const cells = rows.map((row) => [
    row.kvCacheDtype === 'float32' ? row.quantization : `${row.quantization}, cache ${row.kvCacheDtype}`,
    row.perplexity.toFixed(3),
    row.meanKl.toFixed(4),
    `${(row.topOneAgreement * 100).toFixed(1)} %`,
    `${row.megabytes} MB`,
  ]);
  return `${renderTable(columns, cells, width)}\n${rows[0]?.tokens ?? 0} tokens; KL in nats and top-1 against float32`;
}
