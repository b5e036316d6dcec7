import { FleetError } from '@qwenfleet/core/errors';
import type { Rng } from '@qwenfleet/core/rng';
import type { GeneratedToken, SamplingParameters, TokenConstraint } from '../engine/generation.ts';
import { argmax, hasPenalties, largest, logSumExp, penalize, type TokenCounts } from './logits.ts';

/** Tokens this much less likely than the likeliest (e^-14, one in a million) are never drawn: it keeps candidates few. */
const tailNats = 14;

/** The likeliest tokens are asked for one by one; when none of these is allowed, all are asked. */
const asksMax = 8;

/** What a draw looks at besides the logits. */
export type DrawContext = TokenCounts & { constraint?: TokenConstraint | undefined };

/**
 * Draws the next token from one row of logits, which stay as they are.
 * Order of the filters is vLLM's: penalties, constraint, temperature, top-k, top-p, min-p.
 * Throws `engine_failed` when no logit is a number: the weights are damaged, and any token would be a made-up one.
 */
export function sample(logits: Float32Array, parameters: SamplingParameters, context: DrawContext, rng: Rng): number {
  const { constraint } = context;
  const adjusted = hasPenalties(parameters) || constraint ? logits.slice() : logits;
  if (adjusted !== logits) penalize(adjusted, parameters, context);
  if (!Number.isFinite(adjusted[argmax(adjusted)] ?? -Infinity))
    throw new FleetError('engine_failed', 'The model computed nothing that is a number.');
  const best = constraint ? bestAllowed(adjusted, constraint) : argmax(adjusted);
  if (parameters.temperature === 0) return best;
  const candidates = likely(adjusted, adjusted[best] ?? -Infinity, parameters.temperature, constraint);
  return draw(filtered(candidates, parameters), rng);
}

/**
 * The likeliest token that is allowed; of the logits, those that were found not to be become -Infinity. Most often the
 * model agrees with the grammar, and no mask over the whole vocabulary is needed.
 */
function bestAllowed(logits: Float32Array, constraint: TokenConstraint): number {
  for (let asked = 0; asked < asksMax; asked += 1) {
    const best = argmax(logits);
    if (constraint.allows(best)) return best;
    logits[best] = -Infinity;
  }
  for (let token = 0; token < logits.length; token += 1) if (!constraint.allows(token)) logits[token] = -Infinity;
  const best = argmax(logits);
  if ((logits[best] ?? -Infinity) > -Infinity) return best;
  throw new FleetError('engine_failed', 'No token of the vocabulary goes on with the text as it was asked for.');
}

type Candidate = { token: number; weight: number };

/** Tokens worth considering, likeliest first, with weights relative to the likeliest. */
function likely(
  logits: Float32Array,
  top: number,
  temperature: number,
  constraint: TokenConstraint | undefined,
): Candidate[] {
  const floor = top - tailNats * temperature;
  const candidates: Candidate[] = [];
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? -Infinity;
    if (logit < floor || constraint?.allows(token) === false) continue;
    candidates.push({ token, weight: Math.exp((logit - top) / temperature) });
  }
  return candidates.sort((a, b) => b.weight - a.weight || a.token - b.token);
}

function filtered(candidates: Candidate[], { topK, topP, minP }: SamplingParameters): Candidate[] {
  let kept = topK > 0 ? candidates.slice(0, topK) : candidates;
  if (topP < 1) {
    const wanted = topP * total(kept);
    let sum = 0;
    const end = kept.findIndex(({ weight }) => (sum += weight) >= wanted);
    kept = end === -1 ? kept : kept.slice(0, end + 1);
  }
  // The likeliest has weight 1, so min-p is a bound on the weight itself.
  return minP > 0 ? kept.filter(({ weight }) => weight >= minP) : kept;
}

function draw(candidates: readonly Candidate[], rng: Rng): number {
  let left = rng() * total(candidates);
  for (const { token, weight } of candidates) {
    left -= weight;
    if (left < 0) return token;
  }
  return candidates.at(-1)?.token ?? 0;
}

const total = (candidates: readonly Candidate[]): number => candidates.reduce((sum, { weight }) => sum + weight, 0);

/** The token with its log-probability under the model itself, before temperature and penalties, as OpenAI reports it. */
export function withLogprobs(token: number, logits: Float32Array, topCount: number): GeneratedToken {
  const normalizer = logSumExp(logits);
  const logprob = (of: number): number => (logits[of] ?? -Infinity) - normalizer;
  const top = largest(logits, topCount).map((of) => ({ token: of, logprob: logprob(of) }));
  return { token, logprob: logprob(token), top };
}
