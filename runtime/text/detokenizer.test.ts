import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Detokenizer } from './detokenizer.ts';

/** A vocabulary of every piece that a test needs: token i is the i-th piece. */
const reader = (pieces: readonly Uint8Array[]): Detokenizer =>
  new Detokenizer({ bytesOf: (token) => pieces[token] ?? new Uint8Array() });

function read(pieces: readonly Uint8Array[]): string[] {
  const own = reader(pieces);
  return [...pieces.map((_, token) => own.push(token)), own.end()];
}

describe('tokens that become text', () => {
  it('give the same text however its bytes are cut into tokens', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 30 }),
        fc.array(fc.nat(200), { maxLength: 20 }),
        (text, cuts) => {
          const bytes = Buffer.from(text);
          const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].toSorted(
            (a, b) => a - b,
          );
          const pieces = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
          expect(read(pieces).join('')).toBe(text.toWellFormed());
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });

  it('show a character with the token that completes it, and not before', () => {
    const [a, b, c, d] = Buffer.from('\u{1F600}');
    const pieces = [[a], [b, c], [d]].map((bytes) => Uint8Array.from(bytes as number[]));
    expect(read(pieces)).toEqual(['', '', '\u{1F600}', '']);
  });

  it.each<[string, number[], string]>([
    ['a first byte that nothing follows', [0xe4], '\u{FFFD}'],
    ['a byte that is none of UTF-8', [0x41, 0xff, 0x42], 'A\u{FFFD}B'],
    ['a byte order mark, which is text here', [0xef, 0xbb, 0xbf, 0x41], '\u{FEFF}A'],
    ['half of a pair of surrogates', [0xed, 0xa0, 0x80], '\u{FFFD}\u{FFFD}\u{FFFD}'],
  ])('take %s', (_name, bytes, wanted) => {
    expect(read(bytes.map((byte) => Uint8Array.of(byte))).join('')).toBe(wanted);
  });

  it('never fail, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 30 }), (pieces) => {
        const text = read(pieces).join('');
        expect(text.isWellFormed()).toBe(true);
        expect(text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces)));
      }),
      { numRuns: 300, seed: 8 },
    );
  });
});
