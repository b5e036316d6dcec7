import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scan } from './scan.ts';
import { bucketsOf, packWording, unpackWording, wordingLogits } from './wording.ts';

const bits = 12;
const buckets = (prompt: string): number[] => bucketsOf(scan(prompt).tokens, bits);

describe('the wording of a prompt', () => {
  it('is its words and neighbouring pairs, each once, whatever the case and the numbers', () => {
    expect(buckets('Sort the list')).toHaveLength(5);
    expect(buckets('sort THE list')).toEqual(buckets('Sort the list'));
    expect(buckets('add 3 and 4')).toEqual(buckets('add 12 and 999'));
    expect(new Set(buckets('no no no no')).size).toBe(2);
  });

  it('has no pairs across sentences', () => {
    expect(buckets('Sort it. Now')).toHaveLength(buckets('Sort it').length + buckets('Now').length);
  });

  it('is characters and their pairs in Chinese', () => {
    expect(buckets('证明定理')).toHaveLength(7);
    expect(buckets('证明。定理')).toHaveLength(6);
  });

  it('stays in its buckets and its bound whatever the prompt', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1000 }), (prompt) => {
        const found = buckets(prompt);
        expect(found.length).toBeLessThanOrEqual(4096);
        expect(new Set(found).size).toBe(found.length);
        expect(found.every((bucket) => bucket >= 0 && bucket < 1 << bits)).toBe(true);
      }),
      { seed: 4, numRuns: 50 },
    );
  });

  it('adds the same after it was packed, up to a step, and nothing without words', () => {
    const size = 1 << bits;
    const table = (factor: number): Float64Array =>
      Float64Array.from({ length: size }, (_, at) => Math.sin(at) * factor);
    const weights = { small: table(1), medium: table(0.5), large: table(-1) };
    const packed = packWording(bits, weights);
    const unpacked = unpackWording(packed);
    const { tokens } = scan('What is the capital of France?');
    const exact = bucketsOf(tokens, bits).reduce((sum, bucket) => sum + (weights.small[bucket] ?? 0), 0);
    const found = wordingLogits(unpacked, tokens);
    expect(found.small).toBeCloseTo(exact / Math.sqrt(bucketsOf(tokens, bits).length), 1);
    expect(found.large).toBeCloseTo(-found.small, 1);
    expect(wordingLogits(unpacked, [])).toEqual({ small: 0, medium: 0, large: 0 });
  });
});
