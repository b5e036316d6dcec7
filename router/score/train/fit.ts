import type { Tier } from '@qwenfleet/core/fleet/tier';
import { featureNames } from '../features.ts';
import type { Example } from './data.ts';
import { dot, fitLogistic, sigmoid } from './logistic.ts';

export type Settings = {
  /** L2 on the weights, as a share of the total row weight. */
  l2: number;
  /** L2 on each task's own offset: small means that only differences within tasks teach the weights. */
  taskL2: number;
  /** Weight of the authored prompts in relation to all measured ones. */
  authoredShare: number;
};

export type Scaling = { centre: number[]; scale: number[] };
export type Head = { intercept: number; weights: number[] };
export type Heads = Record<Tier, Head>;

/** Rare cues are not blown up to unit deviation: one hit would then outweigh everything else. */
const scaleMin = 0.35;
const size = featureNames.length;

/** Cues (after the shape features) have no centre: an absent cue contributes nothing. */
export function scalingOf(examples: readonly Example[], firstCue: number): Scaling {
  const centre: number[] = [];
  const scale: number[] = [];
  for (let at = 0; at < size; at++) {
    const values = examples.map((example) => example.features[at] ?? 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    centre.push(at < firstCue ? round(mean) : 0);
    scale.push(round(Math.max(scaleMin, Math.sqrt(variance))));
  }
  return { centre, scale };
}

export const standardise = (features: readonly number[], { centre, scale }: Scaling): number[] =>
  features.map((value, at) => (value - (centre[at] ?? 0)) / (scale[at] ?? 1));

/** One linear head per tier. Measured tasks each have an offset of their own that is learnt and then dropped. */
export function fitHeads(examples: readonly Example[], scaling: Scaling, settings: Settings): Heads {
  const weights = rowWeights(examples, settings.authoredShare);
  const fitTier = (tier: Tier): Head => {
    const chosen = examples.flatMap((example, at) => (example.labels[tier] === undefined ? [] : [at]));
    const tasks = [...new Set(chosen.map((at) => offsetOf(examples[at])).filter((name) => name !== ''))];
    const rows = chosen.map((at) => {
      const example = examples[at];
      const own = offsetOf(example);
      return [1, ...standardise(example?.features ?? [], scaling), ...tasks.map((task) => (task === own ? 1 : 0))];
    });
    const penalties = [1e-7, ...featureNames.map(() => settings.l2), ...tasks.map(() => settings.taskL2)];
    const wanted = chosen.map((at) => examples[at]?.labels[tier] ?? 0);
    const fitted = fitLogistic({ rows, wanted, weights: chosen.map((at) => weights[at] ?? 0) }, penalties);
    return { intercept: fitted[0] ?? 0, weights: fitted.slice(1, 1 + size) };
  };
  const small = fitTier('small');
  const large = fitTier('large');
  return { small, medium: between(small, large), large };
}

/**
 * The middle of the other two; calibration moves it. A head of its own learns from other files than the others do, and
 * what it then says of the gaps on both sides is mostly the difference between the files.
 */
function between(small: Head, large: Head): Head {
  return {
    intercept: (small.intercept + large.intercept) / 2,
    weights: small.weights.map((weight, at) => (weight + (large.weights[at] ?? 0)) / 2),
  };
}

/** Logits of the three tiers, before calibration and without a task's offset. */
export function logitsOf(heads: Heads, standard: readonly number[]): Record<Tier, number> {
  const logit = (tier: Tier): number => heads[tier].intercept + dot(standard, heads[tier].weights);
  return { small: logit('small'), medium: logit('medium'), large: logit('large') };
}

export type Prediction = { logits: Record<Tier, number>; choices: number; example: Example };
/** Slope, offset, and an offset per unit of the `choices` feature: exams are harder than chat. */
export type Calibration = Record<Tier, readonly [slope: number, offset: number, choices: number]>;

/** Platt scaling with one more term. Fitted on predictions for tasks that the heads had not seen. */
export function calibrate(predictions: readonly Prediction[], authoredShare: number): Calibration {
  const weights = rowWeights(
    predictions.map(({ example }) => example),
    authoredShare,
  );
  const fitTier = (tier: Tier): readonly [number, number, number] => {
    const chosen = predictions.flatMap(({ example }, at) => (example.labels[tier] === undefined ? [] : [at]));
    const rows = chosen.map((at) => [predictions[at]?.logits[tier] ?? 0, 1, predictions[at]?.choices ?? 0]);
    const wanted = chosen.map((at) => predictions[at]?.example.labels[tier] ?? 0);
    const fitted = fitLogistic(
      { rows, wanted, weights: chosen.map((at) => weights[at] ?? 0) },
      [1e-4, 1e-6, 1e-5],
      [1, 0, 0],
    );
    return [fitted[0] ?? 1, fitted[1] ?? 0, fitted[2] ?? 0];
  };
  return { small: fitTier('small'), medium: fitTier('medium'), large: fitTier('large') };
}

export function calibrated({ logits, choices }: Prediction, calibration: Calibration): Record<Tier, number> {
  const p = (tier: Tier): number => {
    const [slope, offset, perChoice] = calibration[tier];
    return sigmoid(slope * logits[tier] + offset + perChoice * choices);
  };
  const small = p('small');
  const medium = Math.max(small, p('medium'));
  return { small, medium, large: Math.max(medium, p('large')) };
}

/** Heads with their calibration folded in: still linear. */
export function fold(heads: Heads, calibration: Calibration, choicesAt: number): Heads {
  const folded = (tier: Tier) => {
    const [slope, offset, perChoice] = calibration[tier];
    const weights = heads[tier].weights.map((weight, at) => round(weight * slope + (at === choicesAt ? perChoice : 0)));
    return { intercept: round(heads[tier].intercept * slope + offset), weights };
  };
  return { small: folded('small'), medium: folded('medium'), large: folded('large') };
}

/** Families weigh by the root of their size; authored prompts together weigh `authoredShare` of everything measured. */
export function rowWeights(examples: readonly Example[], authoredShare: number): number[] {
  const sizes = new Map<string, number>();
  for (const { family } of examples) sizes.set(family, (sizes.get(family) ?? 0) + 1);
  const raw = examples.map(({ family }) => Math.sqrt(1000 / (sizes.get(family) ?? 1)));
  let measured = 0;
  let authored = 0;
  for (const [at, { set }] of examples.entries()) {
    if (set === 'authored') authored++;
    else measured += raw[at] ?? 0;
  }
  const each = authored === 0 ? 0 : (measured * authoredShare) / authored;
  return examples.map(({ set }, at) => (set === 'authored' ? each : (raw[at] ?? 0)));
}

const offsetOf = (example: Example | undefined): string =>
  example === undefined || example.set === 'authored' ? '' : `${example.set}/${example.task}`;

export const round = (value: number): number => Number(value.toFixed(5));
