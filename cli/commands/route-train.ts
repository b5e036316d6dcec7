import { writeFileSync } from 'node:fs';
import { describeError } from '@qwenfleet/core/errors';
import { tierOf, type Tier } from '@qwenfleet/core/fleet/tier';
import { loadWeights } from '@qwenfleet/router/score/model';
import { readOwn } from '@qwenfleet/router/score/train/own';
import { trainOwn, type Expected } from '@qwenfleet/router/score/train/own-train';
import { Failure, type Exit } from '../failure.ts';
import { Progress } from '../progress.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { readModel } from './route-model.ts';

export type TrainOptions = {
  terminal: Terminal;
  out: string;
  /** Model file to begin with; without one, the model that is shipped. */
  base?: string;
  seed?: number;
  /** `NAME=TIER` for every pool of the file that is not called by its tier. */
  pool?: readonly string[];
};

/** Trains the scorer further on one's own labels and writes a model file for the router. */
export async function routeTrain(file: string, options: TrainOptions): Promise<Exit> {
  const { terminal, out, seed } = options;
  const own = readOwn(file, poolTiers(options.pool ?? []));
  const base = readModel(options.base);
  const progress = new Progress(terminal);
  const startedMs = performance.now();
  const { weights, expected } = trainOwn(own, base, {
    ...(seed === undefined ? {} : { seed }),
    onFold: (done, total) => progress.count('training', done, total),
  });
  progress.stop();
  loadWeights(weights, out);
  write(out, `${JSON.stringify(weights, null, 1)}\n`);
  const seconds = (performance.now() - startedMs) / 1000;
  if (terminal.json) terminal.printJson({ model: out, labels: own.file, seconds, expected });
  else terminal.print(`${renderExpected(expected, terminal.width)}\n\n${closing(out, own.file.rows, seconds)}`);
  return 'ok';
}

/** `["qwen-7b=small"]` to what tier each pool is. Throws a usage failure on anything else. */
export function poolTiers(given: readonly string[]): Map<string, Tier> {
  return new Map(
    given.map((text): [string, Tier] => {
      const [name = '', tierName = ''] = text.split('=');
      const tier = tierOf(tierName);
      if (name !== '' && tier !== undefined) return [name, tier];
      throw new Failure('usage', `--pool ${text} is not NAME=TIER.`, {
        remedy: 'Such as --pool qwen-7b=small; tiers are small, medium and large.',
      });
    }),
  );
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new Failure('failed', `${file} cannot be written: ${describeError(cause)}`, { cause });
  }
}

export function renderExpected({ pair, prompts, worth, calibrationError }: Expected, width: number): string {
  const figure = (value: number): string => value.toFixed(3);
  const names: Record<string, string> = { trained: 'trained on your labels', before: 'before', length: 'length alone' };
  const rows = Object.entries(worth).map(([name, { apgr, ahead }]) => [
    names[name] ?? name,
    `${figure(apgr.value)} (${figure(apgr.low)} to ${figure(apgr.high)})`,
    name === 'trained' ? `${figure(ahead.low)} to ${figure(ahead.high)}` : '',
  ]);
  const [lower, upper] = pair;
  return [
    `Gap between ${lower} and ${upper} that routing recovers on ${prompts} prompts, each scored by a model that had`,
    'not seen it; a random mix recovers .5:',
    '',
    renderTable([{ title: '' }, { title: 'APGR' }, { title: 'AHEAD BY' }], rows, width),
    '',
    `Calibration error of ${lower} ${figure(calibrationError.before[lower])} before, ${figure(calibrationError.trained[lower])} now; ` +
      `of ${upper} ${figure(calibrationError.before[upper])} before, ${figure(calibrationError.trained[upper])} now.`,
  ].join('\n');
}

const closing = (out: string, labels: number, seconds: number): string =>
  `Trained on ${labels} labels in ${seconds.toFixed(1)} s; wrote ${out}. The router takes it with scorer.file: ${out}.`;
