import { describe, expect, it } from 'vitest';
import { look } from '../features.ts';
import { chinese } from './chinese.ts';
import { cueNames, type Lexicon } from './cues.ts';
import { english } from './english.ts';

const phrasesOf = (lexicon: Lexicon): { cue: (typeof cueNames)[number]; phrase: string }[] =>
  cueNames.flatMap((cue) =>
    (lexicon[cue] ?? '')
      .split(',')
      .map((phrase) => phrase.trim().replace(/\s+/g, ' '))
      .filter((phrase) => phrase !== '')
      .map((phrase) => ({ cue, phrase })),
  );

describe('the lexicon', () => {
  it.each([
    ['English', english],
    ['Chinese', chinese],
  ])('finds every one of its %s phrases in a text', (_, lexicon) => {
    const phrases = phrasesOf(lexicon);
    expect(phrases.length).toBeGreaterThan(300);
    const missed = phrases.filter(({ cue, phrase }) => look(`、 ${phrase} 、`).hits(cue) === 0);
    expect(missed).toEqual([]);
  });

  it('has every cue in both languages', () => {
    for (const cue of cueNames) {
      expect(english[cue], cue).toBeTruthy();
      expect(chinese[cue], cue).toBeTruthy();
    }
  });

  it('does not match a phrase across a sentence end', () => {
    expect(look('I made bread. Step. By. Step').hits('derivation')).toBe(0);
    expect(look('step by step').hits('derivation')).toBe(1);
  });

  it('reads typographic apostrophes and capitals', () => {
    expect(look('WHAT’S UP').hits('greeting')).toBe(1);
  });
});
