import { FleetError } from '@qwenfleet/core/errors';
import type { Rng } from '@qwenfleet/core/rng';
import type { GeneratedToken, SamplingParameters } from '../engine/generation.ts';
import { argmax, hasPenalties, largest, logSumExp, penalize, type TokenCounts } from './logits.ts';

/** Tokens this much less likely than the likeliest (e^-14, one in a million) are never drawn: it keeps candidates few. */
const tailNats = 14;

/**
 * Draws the next token from one row of logits, which stay as they are.
 * Order of the filters is vLLM's: penalties, temperature, top-k, top-p, min-p.
 * Throws `engine_failed` when no logit is a number: the weights are damaged, and any token would be a made-up one.
 */
export function sample(logits: Float32Array, parameters: SamplingParameters, counts: TokenCounts, rng: Rng): number {
  const adjusted = hasPenalties(parameters) ? logits.slice() : logits;
  if (adjusted !== logits) penalize(adjusted, parameters, counts);
  const best = argmax(adjusted);
  const top = adjusted[best] ?? -Infinity;
  if (!Number.isFinite(top)) throw new FleetError('engine_failed', 'The model computed nothing that is a number.');
  if (parameters.temperature === 0) return best;
  const candidates = likely(adjusted, top, parameters.temperature);
  return draw(filtered(candidates, parameters), rng);
}

type Candidate = { token: number; weight: number };

/** Tokens worth considering, likeliest first, with weights relative to the likeliest. */
function likely(logits: Float32Array, top: number, temperature: number): Candidate[] {
  const floor = top - tailNats * temperature;
  const candidates: Candidate[] = [];
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? -Infinity;
    if (logit >= floor) candidates.push({ token, weight: Math.exp((logit - top) / temperature) });
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
