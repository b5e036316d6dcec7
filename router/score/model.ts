import { parseConfig } from '@qwenfleet/core/config';
import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import { featureNames } from './features.ts';

const headSchema = z.strictObject({ intercept: z.number(), weights: z.array(z.number()) });

/** Where the weights come from and what they are worth; shown to people, never read by the scorer. */
const cardSchema = z.strictObject({
  name: z.string(),
  trainedOn: z.string(),
  seed: z.int(),
  data: z.array(z.strictObject({ name: z.string(), sha256: z.string(), rows: z.int() })),
  labels: z.record(z.string(), z.record(z.string(), z.array(z.string()))),
  priors: z.record(z.string(), z.record(z.string(), z.number())),
  settings: z.record(z.string(), z.number()),
  metrics: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()),
});
export type Card = z.infer<typeof cardSchema>;

/** `router/score/weights.json`: three linear heads over the same standardised features. */
export const weightsSchema = z.strictObject({
  version: z.literal(1),
  features: z.array(z.string()).min(1).max(256),
  centre: z.array(z.number()),
  scale: z.array(z.number().positive()),
  heads: z.strictObject({ small: headSchema, medium: headSchema, large: headSchema }),
  card: cardSchema,
});
export type Weights = z.infer<typeof weightsSchema>;

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
export function loadWeights(json: unknown): Weights {
  const weights = parseConfig(weightsSchema, json, 'the scorer weights');
  const lengths = [weights.centre, weights.scale, ...tiers.map((tier) => weights.heads[tier].weights)];
  const sameNames = featureNames.join() === weights.features.join();
  if (!sameNames || lengths.some((list) => list.length !== featureNames.length)) {
    throw new FleetError(
      'invalid_config',
      'The scorer weights were trained for other features than this version computes. Train them again: npm run train.',
      { param: 'features' },
    );
  }
  return weights;
}

/** p(correct | prompt) per tier with the part that each feature plays. `features` in the order of `featureNames`. */
export function scoreFeatures(weights: Weights, features: readonly number[]): Score {
  const { heads, centre, scale } = weights;
  const logits = { small: heads.small.intercept, medium: heads.medium.intercept, large: heads.large.intercept };
  const contributions: Contribution[] = [];
  for (const [at, name] of weights.features.entries()) {
    const value = features[at] ?? 0;
    const standard = (value - (centre[at] ?? 0)) / (scale[at] ?? 1);
    if (standard === 0) continue;
    for (const tier of tiers) logits[tier] += standard * (heads[tier].weights[at] ?? 0);
    const small = standard * (heads.small.weights[at] ?? 0);
    const large = standard * (heads.large.weights[at] ?? 0);
    contributions.push({ name, value, small, large });
  }
  return { p: rising(logits), contributions };
}

/** A larger pool is never said to do worse: the benchmarks show that only as noise. */
function rising(logits: Record<Tier, number>): Record<Tier, number> {
  const small = toP(logits.small);
  const medium = Math.max(small, toP(logits.medium));
  return { small, medium, large: Math.max(medium, toP(logits.large)) };
}

const toP = (logit: number): number => Math.min(pMax, Math.max(pMin, 1 / (1 + Math.exp(-logit))));
