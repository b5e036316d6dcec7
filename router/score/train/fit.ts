import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { featureNames } from '../features.ts';
import { packWording, type PackedWording } from '../wording.ts';
import type { Example } from './data.ts';
import { setsOfManyMarkings } from './labels.ts';
import { fitJoint, signsOf, type Joint, type Part, type Label, type Penalties } from './joint.ts';
import { dot, fitLogistic, sigmoid } from './logistic.ts';
import { round } from './scaling.ts';
import { fitWording, wordingOf, type WordingFit, type WordingSettings } from './wording-fit.ts';

export type Settings = {
  penalties: Penalties;
  wording: WordingSettings;
  /** Weight of the authored prompts in relation to all measured ones. */
  authoredShare: number;
  seed: number;
};
export type Head = { intercept: number; weights: number[] };
export type Heads = Record<Tier, Head>;
/** What is known before training: the log-odds of a model that is trained further. */
export type Prior = (example: Example) => Record<Tier, number>;
export type Fit = { joint: Joint; wording: WordingFit; prior: Prior | undefined };

const size = featureNames.length;
export const choicesAt = featureNames.indexOf('choices');

/** First the features, then what wording explains beyond them. */
export function fitModel(examples: readonly Example[], settings: Settings, prior?: Prior): Fit {
  const labels = labelsOf(examples, settings.authoredShare, prior);
  const joint = fitJoint(labels, size, settings.penalties);
  return { joint, wording: fitWording(labels, joint.logits, settings.wording, settings.seed), prior };
}

/** Wording alone, for comparison: beyond nothing but each task's own share of right answers. */
export function fitWordingAlone(examples: readonly Example[], settings: Settings): Fit {
  const labels = labelsOf(examples, settings.authoredShare);
  const joint = fitJoint(labels, 0, settings.penalties);
  return { joint, wording: fitWording(labels, joint.logits, settings.wording, settings.seed), prior: undefined };
}

/** Every label of every example, as the fits want it: what is marked alike has an offset of its own per tier. */
export function labelsOf(examples: readonly Example[], authoredShare: number, prior?: Prior): Label[] {
  const weights = rowWeights(examples, authoredShare);
  const groups = new Map<string, number>();
  const groupOf = (name: string): number => {
    const known = groups.get(name) ?? groups.size;
    groups.set(name, known);
    return known;
  };
  return examples.flatMap((example, at) => {
    const before = prior?.(example);
    return tiers.flatMap((tier): Label[] => {
      const wanted = example.labels[tier];
      if (wanted === undefined) return [];
      return [
        {
          features: example.standard,
          buckets: example.buckets,
          tier,
          wanted,
          weight: weights[at] ?? 0,
          group: groupOf(`${markedAlike(example)} ${tier}`),
          base: before?.[tier] ?? 0,
        },
      ];
    });
  });
}

const markedAlike = ({ set, task }: Example): string => (setsOfManyMarkings.includes(set) ? `${set}/${task}` : set);

/**
 * Log-odds before calibration, without intercepts, which calibration adds: of the features (and the prior), and of the
 * wording. An intercept of the fit would say which tasks were held out from it.
 */
export type Prediction = {
  example: Example;
  plain: Record<Tier, number>;
  wording: Record<Tier, number>;
};

export function predict({ joint, wording, prior }: Fit, example: Example): Prediction {
  const before = prior?.(example);
  const plain = {
    shared: dot(joint.shared, example.standard),
    below: dot(joint.below, example.standard),
    above: dot(joint.above, example.standard),
  };
  const words = wordingOf(wording, example.buckets);
  const of = (value: (tier: Tier) => number): Record<Tier, number> => ({
    small: value('small'),
    medium: value('medium'),
    large: value('large'),
  });
  return {
    example,
    plain: of((tier) => (before?.[tier] ?? 0) + together(tier, plain)),
    wording: of((tier) => together(tier, words)),
  };
}

function together(tier: Tier, { shared, below, above }: Record<Part, number>): number {
  const signs = signsOf[tier];
  return shared + signs.below * below + signs.above * above;
}

/** What the log-odds are multiplied by, what is added, and what is added per unit of the `choices` feature. */
export type Correction = { plain: number; wording: number; offset: number; choices: number };
export type Calibration = Record<Tier, Correction>;

/**
 * Platt scaling with a slope for the wording of its own, and an offset for exams, which are harder than chat. Fitted on
 * predictions for tasks that the fit had not seen. A tier without labels gets the mean of the others.
 */
export function calibrate(predictions: readonly Prediction[], authoredShare: number): Calibration {
  const weights = rowWeights(
    predictions.map(({ example }) => example),
    authoredShare,
  );
  const fitted = new Map<Tier, Correction>();
  for (const tier of tiers) {
    const chosen = predictions.flatMap((prediction, at) =>
      prediction.example.labels[tier] === undefined ? [] : [{ ...prediction, weight: weights[at] ?? 0 }],
    );
    if (chosen.length === 0) continue;
    const [plain = 1, wording = 1, offset = 0, choices = 0] = fitLogistic(
      {
        rows: chosen.map((of) => [of.plain[tier], of.wording[tier], 1, of.example.standard[choicesAt] ?? 0]),
        wanted: chosen.map(({ example }) => example.labels[tier] ?? 0),
        weights: chosen.map(({ weight }) => weight),
      },
      [1e-4, 1e-4, 1e-6, 1e-5],
      [1, 1, 0, 0],
    );
    // Wording that misleads on tasks it had not seen is left out, not turned round.
    fitted.set(tier, { plain, wording: Math.max(0, wording), offset, choices });
  }
  const rest = meanOf([...fitted.values()]);
  return {
    small: fitted.get('small') ?? rest,
    medium: fitted.get('medium') ?? rest,
    large: fitted.get('large') ?? rest,
  };
}

export const asFitted: Correction = { plain: 1, wording: 1, offset: 0, choices: 0 };
export const uncalibrated: Calibration = { small: asFitted, medium: asFitted, large: asFitted };

export function calibrated(prediction: Prediction, calibration: Calibration): Record<Tier, number> {
  const choices = prediction.example.standard[choicesAt] ?? 0;
  const p = (tier: Tier): number => {
    const by = calibration[tier];
    return sigmoid(
      by.plain * prediction.plain[tier] + by.wording * prediction.wording[tier] + by.offset + by.choices * choices,
    );
  };
  const small = p('small');
  const medium = Math.max(small, p('medium'));
  return { small, medium, large: Math.max(medium, p('large')) };
}

/** Heads with their calibration folded in: still linear. `prior` holds the heads that were trained further. */
export function foldHeads({ joint }: Fit, calibration: Calibration, prior?: Heads): Heads {
  const head = (tier: Tier): Head => {
    const { plain, offset, choices } = calibration[tier];
    const before = prior?.[tier];
    const weight = (at: number): number => partsAt(tier, joint, at) + (before?.weights[at] ?? 0);
    return {
      intercept: round(plain * (before?.intercept ?? 0) + offset),
      weights: featureNames.map((_, at) => round(plain * weight(at) + (at === choicesAt ? choices : 0))),
    };
  };
  return { small: head('small'), medium: head('medium'), large: head('large') };
}

/** A weight per bucket and tier, calibrated; `prior` as above, in the same buckets. */
export function foldWording(
  { wording }: Fit,
  calibration: Calibration,
  bits: number,
  prior?: Record<Tier, Float64Array>,
): PackedWording {
  const table = (tier: Tier): Float64Array =>
    wording.shared.map(
      (_, bucket) =>
        calibration[tier].wording * partsAt(tier, wording, bucket) +
        calibration[tier].plain * (prior?.[tier][bucket] ?? 0),
    );
  return packWording(bits, { small: table('small'), medium: table('medium'), large: table('large') });
}

const partsAt = (tier: Tier, of: Readonly<Record<Part, Float64Array>>, at: number): number =>
  together(tier, { shared: of.shared[at] ?? 0, below: of.below[at] ?? 0, above: of.above[at] ?? 0 });

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

function meanOf(corrections: readonly Correction[]): Correction {
  const mean = (key: keyof Correction): number =>
    corrections.reduce((sum, of) => sum + of[key], 0) / Math.max(1, corrections.length);
  return { plain: mean('plain'), wording: mean('wording'), offset: mean('offset'), choices: mean('choices') };
}
