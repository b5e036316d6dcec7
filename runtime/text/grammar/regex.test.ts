import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guidedText } from '../../fixtures/guided-text.ts';
import { refusal } from '../../fixtures/refusal.ts';
import { Grammar } from './grammar.ts';
import { anyMatch, wholeMatch } from './regex.ts';

const atoms = fc.constantFrom(
  'a',
  'b',
  '.',
  '[a-c]',
  '[^a]',
  '\\d',
  '\\w',
  '\\S',
  '你',
  '\\u{1F642}',
  '(a|bc)',
  '(?:|x)',
  '\\.',
  '[\\d-]',
  '\\p{Lu}',
  '\\x41',
  '$?'.slice(2),
);
const quantifiers = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?');
const pattern = fc
  .array(fc.tuple(atoms, quantifiers), { maxLength: 5 })
  .map((parts) => parts.map(([atom, quantifier]) => (atom === '' ? '' : atom + quantifier)).join(''));
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|'));
const texts = fc
  .array(fc.constantFrom('a', 'b', 'c', 'x', '1', 'A', '你', '🙂', '.', '-', '\n', ' '), { maxLength: 6 })
  .map((parts) => parts.join(''));

describe('a regular expression', () => {
  it('takes what JavaScript takes, and nothing else', () => {
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 1, maxLength: 8 }), (source, candidates) => {
        const whole = new RegExp(`^(?:${source})$`, 'u');
        const inside = new RegExp(source, 'u');
        const [wholeGrammar, insideGrammar] = [new Grammar(wholeMatch(source)), new Grammar(anyMatch(source))];
        for (const text of candidates) {
          expect(wholeGrammar.accepts(text), JSON.stringify(text)).toBe(whole.test(text));
          expect(insideGrammar.accepts(text), JSON.stringify(text)).toBe(inside.test(text));
        }
      }),
    );
  });

  it('is what every text that it guides matches', () => {
    fc.assert(
      fc.property(patterns, fc.integer(), (source, seed) => {
        const written = guidedText(new Grammar(wholeMatch(source)), seed, 200);
        if (written !== undefined) expect(written).toMatch(new RegExp(`^(?:${source})$`, 'u'));
      }),
    );
  });

  it.each(['^a', 'a$', '^a$', '^a|b$'])('may be tied to the ends: %s', (source) => {
    const grammar = new Grammar(anyMatch(source));
    for (const text of ['a', 'ab', 'ba', 'b', 'aba', 'xay'])
      expect(grammar.accepts(text), text).toBe(new RegExp(source, 'u').test(text));
  });

  it.each([
    ['a look around', 'a(?=b)'],
    ['a reference back', '(a)\\1'],
    ['a border of words', 'a\\bb'],
    ['an anchor inside', 'a^b'],
    ['a bracket too few', '(a'],
    ['too much', 'a'.repeat(5_000)],
  ])('with %s is refused', (_name, source) => {
    expect(refusal(() => wholeMatch(source)).code).toBe('invalid_request');
  });
});
