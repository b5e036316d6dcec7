import type { Generator } from '../backend/backend.ts';

/** What a quantisation costs on a text, against float32 of the same weights. */
export type Quality = {
  /** Tokens that were foretold. */
  tokens: number;
  /** e to the mean negative log probability of what came next. */
  perplexity: number;
  /** Mean Kullback-Leibler divergence of the two distributions, in nats. */
  meanKl: number;
  /** Share of tokens where both hold the same one likeliest. */
  topOneAgreement: number;
};

export type Comparison = { exact: Quality; other: Quality };

type Sums = { surprise: number; otherSurprise: number; divergence: number; agreed: number; tokens: number };

/**
 * Reads a text with two models of one vocabulary, in windows of `slotTokens` that each begin at nothing, and compares what
 * they foretell at every token.
 * @param onToken tokens read so far
 */
export async function compareModels(
  exact: Generator,
  other: Generator,
  tokens: readonly number[],
  onToken: (done: number) => void = () => undefined,
): Promise<Comparison> {
  const sums: Sums = { surprise: 0, otherSurprise: 0, divergence: 0, agreed: 0, tokens: 0 };
  // The logits of every token of a step are asked for, and a model has room for one of each slot.
  const chunk = Math.min(exact.slots, other.slots);
  const window = Math.min(exact.slotTokens, other.slotTokens);
  for (let start = 0; start < tokens.length; start += window) {
    const text = tokens.slice(start, start + window);
    for (let past = 0; past < text.length; past += chunk) {
      const step = {
        firstSlot: 0,
        rows: [{ tokens: text.slice(past, past + chunk), past }],
        wantLogits: 'every',
      } as const;
      const [wanted, got] = [await exact.step(step), await other.step(step)];
      const next = text.slice(past + 1, past + chunk + 1);
      next.forEach((token, row) => add(sums, token, rowOf(wanted, row, exact), rowOf(got, row, other)));
      onToken(start + past + next.length);
    }
  }
  const mean = (sum: number): number => sum / sums.tokens;
  const own = { tokens: sums.tokens };
  return {
    exact: { ...own, perplexity: Math.exp(mean(sums.surprise)), meanKl: 0, topOneAgreement: 1 },
    other: {
      ...own,
      perplexity: Math.exp(mean(sums.otherSurprise)),
      meanKl: mean(sums.divergence),
      topOneAgreement: mean(sums.agreed),
    },
  };
}

const rowOf = (logits: Float32Array, row: number, { vocabularySize }: Generator): Float32Array =>
  logits.subarray(row * vocabularySize, (row + 1) * vocabularySize);

function add(sums: Sums, token: number, exact: Float32Array, other: Float32Array): void {
  const [p, q] = [normaliser(exact), normaliser(other)];
  let divergence = 0;
  exact.forEach((logit, at) => {
    const log = logit - p.log;
    divergence += Math.exp(log) * (log - ((other[at] ?? Number.NaN) - q.log));
  });
  sums.tokens += 1;
  sums.divergence += divergence;
  sums.surprise += p.log - (exact[token] ?? Number.NaN);
  sums.otherSurprise += q.log - (other[token] ?? Number.NaN);
  sums.agreed += p.likeliest === q.likeliest ? 1 : 0;
}

/** What the logits' exponentials sum to, as a logarithm, and where the largest is. */
function normaliser(logits: Float32Array): { log: number; likeliest: number } {
  let likeliest = 0;
  logits.forEach((logit, at) => {
    if (logit > (logits[likeliest] ?? -Infinity)) likeliest = at;
  });
  const largest = logits[likeliest] ?? 0;
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return { log: largest + Math.log(sum), likeliest };
}
