import type { SamplingParameters } from '../engine/generation.ts';

/** How often each token has come up, for the penalties. */
export type TokenCounts = {
  /** In the answer so far. */
  answer: ReadonlyMap<number, number>;
  /** In prompt and answer. */
  seen: ReadonlySet<number>;
};

export const hasPenalties = (parameters: SamplingParameters): boolean =>
  parameters.presencePenalty !== 0 ||
  parameters.frequencyPenalty !== 0 ||
  parameters.repetitionPenalty !== 1 ||
  parameters.logitBias.size > 0;

/**
 * Applies penalties and biases in place. Presence and frequency are OpenAI's (subtracted, over the answer), repetition is
 * CTRL's (arXiv 1909.05858: divided when positive, multiplied when negative, over prompt and answer).
 */
export function penalize(logits: Float32Array, parameters: SamplingParameters, counts: TokenCounts): void {
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = parameters;
  if (repetitionPenalty !== 1) {
    for (const token of counts.seen) {
      const logit = logits[token] ?? 0;
      logits[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
  }
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    for (const [token, count] of counts.answer) {
      logits[token] = (logits[token] ?? 0) - presencePenalty - frequencyPenalty * count;
    }
  }
  for (const [token, bias] of parameters.logitBias) {
    if (token >= 0 && token < logits.length) logits[token] = (logits[token] ?? 0) + bias;
  }
}

/** Index of the largest; the first of equals. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  let bestLogit = -Infinity;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] ?? -Infinity;
    if (logit > bestLogit) {
      bestLogit = logit;
      best = token;
    }
  }
  return best;
}

/** log(sum(exp(logits))), without overflow. */
export function logSumExp(logits: Float32Array): number {
  const largest = logits[argmax(logits)] ?? 0;
  let sum = 0;
  for (let token = 0; token < logits.length; token += 1) sum += Math.exp((logits[token] ?? 0) - largest);
  return largest + Math.log(sum);
}

/** The `count` largest, largest first; equals in order of their index. One pass over the vocabulary. */
export function largest(logits: Float32Array, count: number): number[] {
  const kept: number[] = [];
  const before = (a: number, b: number): boolean => (logits[a] ?? 0) > (logits[b] ?? 0);
  for (let token = 0; token < logits.length && count > 0; token += 1) {
    const last = kept.at(-1);
    if (kept.length === count && last !== undefined && !before(token, last)) continue;
    let at = kept.length;
    while (at > 0 && before(token, kept[at - 1] ?? 0)) at -= 1;
    kept.splice(at, 0, token);
    if (kept.length > count) kept.pop();
  }
  return kept;
}
