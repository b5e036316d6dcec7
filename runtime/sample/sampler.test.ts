import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRng } from '@qwenfleet/core/rng';
import type { SamplingParameters, TokenConstraint } from '../engine/generation.ts';
import { argmax, largest, logSumExp, penalize } from './logits.ts';
import { sample, withLogprobs } from './sampler.ts';

const plain: SamplingParameters = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repetitionPenalty: 1,
  logitBias: new Map(),
  seed: 1,
};
const nothingSeen = { answer: new Map<number, number>(), seen: new Set<number>() };
const logits = fc
  .array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values));

/** The share of each token over many draws. */
function shares(row: Float32Array, parameters: Partial<SamplingParameters>, draws = 20_000): number[] {
  const counts = Array.from(row, () => 0);
  const rng = seededRng(11);
  for (let draw = 0; draw < draws; draw += 1) {
    const token = sample(row, { ...plain, ...parameters }, nothingSeen, rng);
    counts[token] = (counts[token] ?? 0) + 1 / draws;
  }
  return counts;
}

const softmax = (row: Float32Array, temperature = 1): number[] => {
  const weights = Array.from(row, (logit) => Math.exp(logit / temperature));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
};

describe('drawing a token', () => {
  const row = Float32Array.from([2, 1, 0, -1, 0.5]);

  it('at temperature 0 takes the likeliest, and the first of equals', () => {
    expect(sample(Float32Array.from([1, 3, 3, 2]), { ...plain, temperature: 0 }, nothingSeen, () => 0.9)).toBe(1);
  });

  it.each([0.5, 1, 2])('at temperature %d follows the softmax', (temperature) => {
    shares(row, { temperature }).forEach((share, token) =>
      expect(share).toBeCloseTo(softmax(row, temperature)[token] ?? 0, 1),
    );
  });

  it('with top-k draws from the k likeliest only', () => {
    const drawn = shares(row, { topK: 2 });
    expect(drawn.filter((share) => share > 0)).toHaveLength(2);
    expect((drawn[0] ?? 0) / (drawn[1] ?? 1)).toBeCloseTo(Math.E, 0);
  });

  it('with top-p draws from the fewest that reach p', () => {
    const probabilities = softmax(row);
    expect(shares(row, { topP: (probabilities[0] ?? 0) - 0.01 }).filter((share) => share > 0)).toHaveLength(1);
    expect(shares(row, { topP: (probabilities[0] ?? 0) + 0.01 }).filter((share) => share > 0)).toHaveLength(2);
  });

  it('with min-p drops what is much less likely than the likeliest', () => {
    expect(shares(row, { minP: 0.2 }).map((share) => share > 0)).toEqual([true, true, false, false, true]);
  });

  it('is the same for the same seed', () => {
    const draw = (): number[] => {
      const rng = seededRng(5);
      return Array.from({ length: 50 }, () => sample(row, plain, nothingSeen, rng));
    };
    expect(draw()).toEqual(draw());
  });

  it('never leaves the vocabulary and never changes the logits, whatever the parameters', () => {
    const parameters = fc.record({
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
      topK: fc.integer({ min: -1, max: 80 }),
      topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
      minP: fc.double({ min: 0, max: 1, noNaN: true }),
      presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
      frequencyPenalty: fc.double({ min: -2, max: 2, noNaN: true }),
      repetitionPenalty: fc.double({ min: 0.1, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(logits, parameters, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (values, chosen, chance) => {
        const before = values.slice();
        const seen = new Set([0, values.length - 1]);
        const token = sample(values, { ...plain, ...chosen }, { answer: new Map([[0, 2]]), seen }, () => chance);
        expect(Number.isInteger(token) && token >= 0 && token < values.length).toBe(true);
        expect(values).toEqual(before);
      }),
    );
  });
});

describe('penalties', () => {
  it('take presence once, frequency by count, repetition by sign, and add biases', () => {
    const row = Float32Array.from([2, -2, 1, 0]);
    penalize(
      row,
      {
        ...plain,
        presencePenalty: 0.5,
        frequencyPenalty: 0.25,
        repetitionPenalty: 2,
        logitBias: new Map([
          [3, 5],
          [99, 1],
        ]),
      },
      { answer: new Map([[0, 2]]), seen: new Set([0, 1]) },
    );
    expect([...row]).toEqual([2 / 2 - 0.5 - 0.5, -4, 1, 5]);
  });

  it('make a repeated token lose', () => {
    const row = Float32Array.from([1, 0.9]);
    const parameters = { ...plain, temperature: 0, frequencyPenalty: 0.2 };
    expect(sample(row, parameters, nothingSeen, () => 0)).toBe(0);
    expect(sample(row, parameters, { answer: new Map([[0, 1]]), seen: new Set([0]) }, () => 0)).toBe(1);
  });
});

describe('log-probabilities', () => {
  it('agree with the plain formula', () => {
    fc.assert(
      fc.property(logits, fc.nat({ max: 20 }), (values, count) => {
        const order = Array.from(values.keys()).toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
        expect(largest(values, count)).toEqual(order.slice(0, count));
        expect(argmax(values)).toBe(order[0]);
        const sum = Array.from(values).reduce((total, value) => total + Math.exp(value), 0);
        expect(logSumExp(values)).toBeCloseTo(Math.log(sum), 4);
        const token = order.at(-1) ?? 0;
        expect(withLogprobs(token, values, 0).logprob).toBeCloseTo((values[token] ?? 0) - Math.log(sum), 4);
      }),
    );
  });
});

describe('a constraint', () => {
  const only = (...allowed: number[]): TokenConstraint => ({
    complete: false,
    allows: (token) => allowed.includes(token),
    accept: () => undefined,
  });
  const row = Float32Array.from({ length: 200 }, (_, token) => 50 - token / 4);
  const counts = { answer: new Map<number, number>(), seen: new Set<number>() };
  const draw = (constraint: TokenConstraint, changes: Partial<SamplingParameters> = {}): number =>
    sample(row, { ...plain, ...changes }, { ...counts, constraint }, seededRng(3));

  it('is followed however unlikely its tokens are, and before top-k', () => {
    for (const temperature of [0, 1]) {
      expect(draw(only(3), { temperature })).toBe(3);
      expect(draw(only(150), { temperature, topK: 1 })).toBe(150);
      expect([180, 181]).toContain(draw(only(180, 181), { temperature, topP: 0.99, minP: 0.1 }));
    }
  });

  it('leaves the odds among its tokens as they are', () => {
    const rng = seededRng(9);
    const drawn = Array.from({ length: 4_000 }, () =>
      sample(row, { ...plain, temperature: 1 }, { ...counts, constraint: only(40, 44) }, rng),
    );
    const share = drawn.filter((token) => token === 40).length / drawn.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.76);
  });

  it('leaves the logits as they are', () => {
    const before = row.slice();
    draw(only(150), { temperature: 1 });
    expect(row).toEqual(before);
  });

  it('that allows nothing fails rather than to make something up', () => {
    expect(() => draw(only())).toThrow(/No token of the vocabulary/);
  });
});
