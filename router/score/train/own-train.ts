import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { look } from '../features.ts';
import { logitsOf, type Weights, type WeightsFile } from '../model.ts';
import { scaled, wordingBits, type Example } from './data.ts';
import { calibrationByTier } from './evaluate.ts';
import {
  calibrate,
  calibrated,
  fitModel,
  foldHeads,
  foldWording,
  predict,
  type Prediction,
  type Settings,
} from './fit.ts';
import { compare, type Worth } from './metrics.ts';
import type { Own } from './own.ts';
import { foldsOf } from './splits.ts';

/** For some thousand labels that pull a trained model towards one's own pools. */
export const ownSettings: Settings = {
  penalties: { shared: 0.01, gap: 0.03, group: 0.001 },
  wording: { bits: wordingBits, passes: 4, stepSize: 0.05, l2: 0.002, gapShare: 0.5 },
  authoredShare: 0,
  seed: 7,
};

/** What training is expected to bring: on every label once, by models that had not seen its question. */
export type Expected = {
  pair: readonly [Tier, Tier];
  prompts: number;
  /** Ways: `trained`, `before` (the model that training began with) and `length`; `ahead` is over `before`. */
  worth: Record<string, Worth>;
  calibrationError: { trained: Record<Tier, number>; before: Record<Tier, number> };
};

/** Trains `base` further on one's own labels: features, then wording, then calibration per pool. Deterministic. */
export function trainOwn(
  own: Own,
  base: Weights,
  options: { seed?: number; onFold?: (done: number, total: number) => void } = {},
): { weights: WeightsFile; expected: Expected } {
  const settings = { ...ownSettings, seed: options.seed ?? ownSettings.seed };
  const { examples } = scaled(own.examples, base);
  const before = new Map(examples.map((example) => [example, baseLogits(base, example)]));
  const prior = (example: Example): Record<Tier, number> => before.get(example) ?? baseLogits(base, example);
  const folds = foldsOf(examples, 'questions').map(({ train, held }, at, { length }) => {
    const fit = fitModel(train, settings, prior);
    options.onFold?.(at + 1, length + 1);
    return held.map((example) => predict(fit, example));
  });
  const fit = fitModel(examples, settings, prior);
  options.onFold?.(folds.length + 1, folds.length + 1);
  const calibration = calibrate(folds.flat(), 0);
  const expected = expect(folds, own.tiers, prior, settings);
  const bits = base.wording?.bits ?? wordingBits;
  const { card, wording: _packed, ...kept } = base;
  return {
    expected,
    weights: {
      ...kept,
      heads: foldHeads(fit, calibration, base.heads),
      wording: foldWording(fit, calibration, bits, baseTables(base)),
      card: {
        ...card,
        name: `${card.name}, trained further`,
        trainedOn: `${own.file.rows} labels of ${own.file.name}, after ${card.trainedOn}`,
        seed: settings.seed,
        data: [...card.data, own.file],
        settings: { ...settings },
        metrics: { expected, 'calibration per tier': calibration },
        notes: [
          'Expected: every label once, by models that had not seen its question. Prompts of another kind may fare otherwise.',
        ],
      },
    },
  };
}

/** The base model's log-odds, as it would score the prompt. */
function baseLogits(base: Weights, { prompt, features }: Example): Record<Tier, number> {
  return logitsOf(base, features, look(prompt).tokens).logits;
}

function baseTables({ wording }: Weights): Record<Tier, Float64Array> | undefined {
  if (!wording) return undefined;
  const table = (tier: Tier): Float64Array => Float64Array.from(wording[tier], (step) => step * wording.step);
  return { small: table('small'), medium: table('medium'), large: table('large') };
}

function expect(
  folds: readonly (readonly Prediction[])[],
  labelled: readonly Tier[],
  prior: (example: Example) => Record<Tier, number>,
  settings: Settings,
): Expected {
  const trained = folds.flatMap((fold, at) => {
    const others = folds.filter((_, index) => index !== at).flat();
    const calibration = calibrate(others, settings.authoredShare);
    return fold.map((prediction) => ({ example: prediction.example, p: calibrated(prediction, calibration) }));
  });
  const before = trained.map(({ example }) => ({ example, p: chances(prior(example)) }));
  const pair = [labelled[0] ?? 'small', labelled.at(-1) ?? 'large'] as const;
  return {
    pair,
    ...compareOwn(pair, { trained, before }, 'before', settings.seed),
    calibrationError: { trained: rounded(calibrationByTier(trained)), before: rounded(calibrationByTier(before)) },
  };
}

type Said = { example: Example; p: Record<Tier, number> };

/** APGR of models, and of prompt length, on the prompts that both tiers of `pair` were scored on. */
export function compareOwn(
  pair: readonly [Tier, Tier],
  models: Readonly<Record<string, readonly Said[]>>,
  rival: string,
  seed: number,
): { prompts: number; worth: Record<string, Worth> } {
  const [lower, upper] = pair;
  const both = ({ labels }: Example): boolean => labels[lower] !== undefined && labels[upper] !== undefined;
  const rows = Object.values(models)[0]?.filter(({ example }) => both(example)) ?? [];
  const outcomes = rows.map(({ example: { labels } }) => ({ weak: labels[lower] ?? 0, strong: labels[upper] ?? 0 }));
  const wants = Object.entries(models).map(([name, said]): [string, number[]] => [
    name,
    said.filter(({ example }) => both(example)).map(({ p }) => p[upper] - p[lower]),
  ]);
  const ways = { ...Object.fromEntries(wants), length: rows.map(({ example }) => example.chars) };
  return { prompts: rows.length, worth: compare(outcomes, ways, rival, seed).worth };
}

function chances(logits: Record<Tier, number>): Record<Tier, number> {
  const p = (tier: Tier): number => 1 / (1 + Math.exp(-logits[tier]));
  const small = p('small');
  const medium = Math.max(small, p('medium'));
  return { small, medium, large: Math.max(medium, p('large')) };
}

/** A tier that has no label has no error; JSON has no NaN. */
const rounded = (of: Record<Tier, number>): Record<Tier, number> => {
  const value = (tier: Tier): number => Number(of[tier].toFixed(4));
  return Object.fromEntries(tiers.map((tier) => [tier, value(tier)])) as Record<Tier, number>;
};
