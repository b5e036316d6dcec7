import { parseConfig } from '@qwenfleet/core/config';
import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import { featureNames, featuresOf, type Seen } from './features.ts';
import { unpackWording, wordingLogits, wordingSchema, type Wording } from './wording.ts';

const headSchema = z.strictObject({ intercept: z.number(), weights: z.array(z.number()) });

/** Where the weights come from and what they are worth; shown to people, never read by the scorer. */
const cardSchema = z.strictObject({
  name: z.string(),
  trainedOn: z.string(),
  seed: z.int(),
  data: z.array(z.strictObject({ name: z.string(), sha256: z.string(), rows: z.int() })),
  labels: z.record(z.string(), z.record(z.string(), z.array(z.string()))),
  priors: z.record(z.string(), z.record(z.string(), z.number())),
  settings: z.record(z.string(), z.unknown()),
  metrics: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()),
});
export type Card = z.infer<typeof cardSchema>;

/** A model file: three linear heads over the same standardised features, and what the wording adds to each. */
export const weightsSchema = z.strictObject({
  version: z.literal(2),
  features: z.array(z.string()).min(1).max(256),
  centre: z.array(z.number()),
  scale: z.array(z.number().positive()),
  heads: z.strictObject({ small: headSchema, medium: headSchema, large: headSchema }),
  wording: wordingSchema.optional(),
  card: cardSchema,
});
/** What the file holds, and the same ready to be scored with. */
export type WeightsFile = z.infer<typeof weightsSchema>;
export type Weights = Omit<WeightsFile, 'wording'> & { wording: Wording | undefined };

/** What the scorer says of a prompt. `p` never falls from small to large. */
export type Score = {
  p: Record<Tier, number>;
  /** Log-odds that each feature adds to an average prompt's, for the small tier's head and for the large one's. */
  contributions: readonly Contribution[];
};
export type Contribution = { name: string; value: number; small: number; large: number };

/** No prompt is certain: estimates stay inside these bounds. */
const pMin = 0.01;
const pMax = 0.99;

/** Checks weights from a file. Throws `invalid_config` when they are of another shape or for other features. */
export function loadWeights(json: unknown, what = 'the scorer weights'): Weights {
  const { wording, ...weights } = parseConfig(weightsSchema, json, what);
  const lengths = [weights.centre, weights.scale, ...tiers.map((tier) => weights.heads[tier].weights)];
  const sameNames = featureNames.join() === weights.features.join();
  if (!sameNames || lengths.some((list) => list.length !== featureNames.length)) {
    throw new FleetError(
      'invalid_config',
      `${what} were trained for other features than this version computes. Train them again: npm run train, or qwenfleet route train.`,
      { param: 'features' },
    );
  }
  const unpacked = wording && unpackWording(wording);
  if (unpacked && tiers.some((tier) => unpacked[tier].length !== 1 << unpacked.bits)) {
    throw new FleetError(
      'invalid_config',
      `${what}: the wording has ${unpacked.small.length} buckets and its bits say ${1 << unpacked.bits}. Train them again.`,
      { param: 'wording' },
    );
  }
  return { ...weights, wording: unpacked };
}

/** p(correct | prompt) per tier with the part that each feature and the wording play. */
export function scoreSeen(weights: Weights, seen: Seen): Score {
  return scoreFeatures(weights, featuresOf(seen), seen.tokens);
}

/** The same from features in the order of `featureNames`, and from tokens as `scan` makes them. */
export function scoreFeatures(weights: Weights, features: readonly number[], tokens: readonly string[] = []): Score {
  const { logits, contributions } = logitsOf(weights, features, tokens);
  return { p: rising(logits), contributions };
}

/** Log-odds per tier, before they are made to rise from small to large. */
export function logitsOf(
  { heads, centre, scale, features: names, wording }: Weights,
  features: readonly number[],
  tokens: readonly string[],
): { logits: Record<Tier, number>; contributions: Contribution[] } {
  const logits = { small: heads.small.intercept, medium: heads.medium.intercept, large: heads.large.intercept };
  const contributions: Contribution[] = [];
  for (let at = 0; at < names.length; at++) {
    const value = features[at] ?? 0;
    const standard = (value - (centre[at] ?? 0)) / (scale[at] ?? 1);
    if (standard === 0) continue;
    const small = standard * (heads.small.weights[at] ?? 0);
    const large = standard * (heads.large.weights[at] ?? 0);
    logits.small += small;
    logits.medium += standard * (heads.medium.weights[at] ?? 0);
    logits.large += large;
    contributions.push({ name: names[at] ?? '', value, small, large });
  }
  if (wording && tokens.length > 0) {
    const said = wordingLogits(wording, tokens);
    for (const tier of tiers) logits[tier] += said[tier];
    contributions.push({ name: 'wording', value: 1, small: said.small, large: said.large });
  }
  return { logits, contributions };
}

/** A larger pool is never said to do worse: the benchmarks show that only as noise. */
function rising(logits: Record<Tier, number>): Record<Tier, number> {
  const small = toP(logits.small);
  const medium = Math.max(small, toP(logits.medium));
  return { small, medium, large: Math.max(medium, toP(logits.large)) };
}

const toP = (logit: number): number => Math.min(pMax, Math.max(pMin, 1 / (1 + Math.exp(-logit))));
