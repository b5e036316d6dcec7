import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerLogprob } from '../text/answer-reader.ts';
import { legacyLogprobs } from './legacy-logprobs.ts';

const entry = (bytes: number[], logprob: number | null = -1, top: [number[], number][] = []): AnswerLogprob => ({
  token: '',
  bytes,
  logprob,
  top_logprobs: top.map(([own, of]) => ({ token: '', bytes: own, logprob: of })),
});
const entries = (...pieces: string[]): AnswerLogprob[] => pieces.map((piece) => entry([...Buffer.from(piece)]));

describe('log-probabilities in the older form', () => {
  it('are parallel lists, and say where each token begins in the text', () => {
    expect(legacyLogprobs(2)(0, entries('Hello', ' 世界', '!'))).toEqual({
      tokens: ['Hello', ' 世界', '!'],
      token_logprobs: [-1, -1, -1],
      top_logprobs: [{}, {}, {}],
      text_offset: [0, 5, 8],
    });
  });

  it('are null when nobody asked, and lists when nought were asked for', () => {
    for (const asked of [null, undefined]) expect(legacyLogprobs(asked)(0, entries('x'))).toBeNull();
    expect(legacyLogprobs(0)(0, [])).toEqual({ tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] });
  });

  it('go on over chunks, for each choice on its own', () => {
    const legacy = legacyLogprobs(1);
    expect(legacy(0, entries('ab'))?.text_offset).toEqual([0]);
    expect(legacy(1, entries('wxyz'))?.text_offset).toEqual([0]);
    expect(legacy(0, entries('c', 'd'))?.text_offset).toEqual([2, 3]);
    expect(legacy(1, entries('!'))?.text_offset).toEqual([4]);
  });

  it('tell halves of characters apart by their bytes', () => {
    const halves = [...Buffer.from('世')].map((byte) =>
      entry([byte], -1, [
        [[byte], -1],
        [[byte ^ 1], -2],
      ]),
    );
    const legacy = legacyLogprobs(2)(0, [...halves, ...entries('!')]);
    expect(legacy?.tokens).toEqual(['bytes:\\xe4', 'bytes:\\xb8', 'bytes:\\x96', '!']);
    expect(Object.keys(legacy?.top_logprobs[0] ?? {})).toEqual(['bytes:\\xe4', 'bytes:\\xe5']);
    expect(legacy?.text_offset).toEqual([0, 0, 0, 1]);
  });

  it('of the first token of a prompt are none', () => {
    const legacy = legacyLogprobs(1)(0, [entry([0x41], null), entry([0x42], -2, [[[0x42], -2]])]);
    expect(legacy).toMatchObject({ token_logprobs: [null, -2], top_logprobs: [null, { B: -2 }] });
  });

  it('point at the text for any cut of it into tokens', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.array(fc.nat(60), { maxLength: 8 }),
        (any, cuts) => {
          const text = any.toWellFormed();
          const bytes = Buffer.from(text);
          const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].toSorted(
            (a, b) => a - b,
          );
          const pieces = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
          const legacy = legacyLogprobs(0)(
            0,
            pieces.map((piece) => entry([...piece])),
          );
          legacy?.text_offset.forEach((offset, at) => {
            const whole = new TextDecoder().decode(bytes.subarray(0, places[at]), { stream: true });
            expect(offset).toBe(whole.length);
          });
        },
      ),
      { numRuns: 200, seed: 14 },
    );
  });
});
