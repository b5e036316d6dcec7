import { median, spreadOf, type Spread } from '../../harness/statistics.ts';
import type { ContenderSettings } from './contenders/contender.ts';
import { benchModel, type ComparedQuantization, type ModelName } from './models.ts';
import { ContenderProcess, firstTokenMs, type ContenderName } from './process.ts';

export type RuntimeBenchOptions = {
  models: readonly ModelName[];
  quantizations: readonly ComparedQuantization[];
  contenders: readonly ContenderName[];
  rounds: number;
  batches: readonly number[];
  prompts: readonly number[];
  pastTokens: number;
  /** Decode steps of one round; their median counts. */
  steps: number;
  threads: number;
  cacheDir: string;
  peers: string;
  onRound?: (what: string, done: number, total: number) => void;
};

/** Decode with so many sequences, prefill of so many tokens, or the start of a process. */
export type Work = { kind: 'decode' | 'prefill'; size: number } | { kind: 'start' };

export type Row = Work & {
  model: ModelName;
  quantization: ComparedQuantization;
  /** Tokens a second of all sequences together; of a start, milliseconds. */
  figures: Partial<Record<ContenderName, Spread>>;
  /** How many times as fast as llama.cpp we are, round by round. */
  timesAsFast?: Spread;
};

/**
 * Each engine in a process of its own, both in memory at once, asked in turn: every piece of work once a round by each, so
 * that what slows the machine for a while slows both. The first round warms up and is not counted.
 */
export async function measureRuntimes(options: RuntimeBenchOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const model of options.models)
    for (const quantization of options.quantizations) rows.push(...(await measureModel(model, quantization, options)));
  return rows;
}

async function measureModel(
  model: ModelName,
  quantization: ComparedQuantization,
  options: RuntimeBenchOptions,
): Promise<Row[]> {
  const { files, vocabularySize } = await benchModel(model, quantization, options.cacheDir);
  const { threads, cacheDir, peers, pastTokens } = options;
  const settingsOf = (name: ContenderName): ContenderSettings => ({
    model: files[name],
    quantization,
    vocabularySize,
    batchMax: Math.max(...options.batches),
    promptMax: Math.max(...options.prompts),
    stepsMax: options.steps,
    threads,
    cacheDir,
    peers,
    pastTokens,
  });
  const works: Work[] = [
    ...options.batches.map((size): Work => ({ kind: 'decode', size })),
    ...options.prompts.map((size): Work => ({ kind: 'prefill', size })),
    { kind: 'start' },
  ];
  const found = works.map(() => new Map<ContenderName, number[]>(options.contenders.map((name) => [name, []])));
  const running = new Map<ContenderName, ContenderProcess>();
  try {
    for (const name of options.contenders) running.set(name, await ContenderProcess.open(name, settingsOf(name)));
    for (let round = -1; round < options.rounds; round += 1) {
      options.onRound?.(`${model} in ${quantization}`, round + 1, options.rounds + 1);
      // Whoever goes first goes second in the next round.
      const order = round % 2 === 0 ? options.contenders : options.contenders.toReversed();
      for (const [at, work] of works.entries()) {
        for (const name of order) {
          const contender = running.get(name);
          if (!contender) continue;
          const figure = await figureOf(work, contender, options.steps, () => firstTokenMs(name, settingsOf(name)));
          if (round >= 0) found[at]?.get(name)?.push(figure);
        }
      }
    }
  } finally {
    for (const contender of running.values()) contender.close();
  }
  return works.map((work, at) => ({ ...work, model, quantization, ...compared(work, found[at] ?? new Map()) }));
}

async function figureOf(
  work: Work,
  contender: ContenderProcess,
  steps: number,
  start: () => Promise<number>,
): Promise<number> {
  if (work.kind === 'start') return start();
  const { size } = work;
  const ms = await contender.ask(work.kind === 'decode' ? { decode: { batch: size, steps } } : { prefill: size });
  return (size / median(ms)) * 1000;
}

/** A ratio above one means that ours is the faster. */
export function compared(
  { kind }: Work,
  found: ReadonlyMap<ContenderName, readonly number[]>,
): Pick<Row, 'figures' | 'timesAsFast'> {
  const figures = Object.fromEntries([...found].map(([name, values]) => [name, spreadOf(values)]));
  const [own, peer] = [found.get('qwenfleet') ?? [], found.get('llama')];
  if (!peer) return { figures };
  const ratios = own.map((value, round) => {
    const other = peer[round] ?? Number.NaN;
    return kind === 'start' ? other / value : value / other;
  });
  return { figures, timesAsFast: spreadOf(ratios) };
}
