import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookUp } from './prompt-lookup.ts';

const of = (text: string): number[] => text.split('').map((letter) => letter.charCodeAt(0));
const read = (tokens: readonly number[]): string => String.fromCharCode(...tokens);
const guess = (text: string, count = 4): string => read(lookUp(of(text), count));

describe('what may come next in a text', () => {
  it('is what followed the last time that its end stood there', () => {
    expect(guess('let total = sum; return to')).toBe('tal ');
    expect(guess('xy1 xy2 xy')).toBe('2 xy');
  });

  it('is what followed the longest end, were a shorter one nearer', () => {
    expect(guess('the red fox, a bed and the red', 4)).toBe(' fox');
  });

  it('is nothing where only one token is the same, or none', () => {
    expect(guess('a1 b2 c3 a')).toBe('');
    expect(guess('abcdef')).toBe('');
    expect(guess('')).toBe('');
    expect(guess('ab ab', 0)).toBe('');
  });

  it('goes on as a text that repeats itself', () => {
    expect(guess('ababab', 7)).toBe('abababa');
    expect(guess('aaa', 3)).toBe('aaa');
  });

  it('is looked for a bounded way back', () => {
    const filling = (tokens: number): number[] => Array.from({ length: tokens }, (_, at) => 1_000 + at);
    const end = of('needle');
    expect(lookUp([...end, 7, ...filling(4_000), ...end], 1)).toEqual([7]);
    expect(lookUp([...end, 7, ...filling(5_000), ...end], 1)).toEqual([]);
  });

  it('has stood behind such an end before, whatever the text is', () => {
    const text = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 });
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 12 }), (tokens, count) => {
        const found = lookUp(tokens, count);
        const ends = tokens.flatMap((_, at) => (at >= 2 && at < tokens.length ? [at] : []));
        const same = (at: number): number => {
          let length = 0;
          while (length < Math.min(8, at) && tokens[at - 1 - length] === tokens.at(-1 - length)) length += 1;
          return length;
        };
        const longest = Math.max(0, ...ends.map(same));
        if (longest < 2 || count === 0) {
          expect(found).toEqual([]);
          return;
        }
        const from = ends.findLast((at) => same(at) === longest) ?? 0;
        expect(found).toHaveLength(count);
        const whole = [...tokens, ...found];
        expect(found).toEqual(whole.slice(from, from + count));
      }),
    );
  });
});
