import { chinese, chineseFunction } from './chinese.ts';
import { cueNames, type Lexicon } from './cues.ts';
import { english } from './english.ts';

type WordPhrase = { rest: readonly string[]; cue: number };
type CharPhrase = { rest: string; cue: number };

const wordPhrases = new Map<string, WordPhrase[]>();
const charPhrases = new Map<number, CharPhrase[]>();
const functionChars = new Set(Array.from(chineseFunction, (char) => char.charCodeAt(0)));

for (const [cue, phrase] of entries(english)) {
  const [first = '', ...rest] = phrase.split(/[\s-]+/);
  const known = wordPhrases.get(first) ?? [];
  known.push({ rest, cue });
  wordPhrases.set(first, known);
}
for (const [cue, phrase] of entries(chinese)) {
  const key = pairKey(phrase.charCodeAt(0), phrase.length > 1 ? phrase.charCodeAt(1) : 0);
  const known = charPhrases.get(key) ?? [];
  known.push({ rest: phrase.slice(2), cue });
  charPhrases.set(key, known);
}

/** Adds to `counts` one hit for every English phrase that begins at word `at`. Words are in lower case. */
export function matchWords(words: readonly string[], at: number, counts: number[]): void {
  const candidates = wordPhrases.get(words[at] ?? '');
  if (!candidates) return;
  for (const { rest, cue } of candidates) {
    if (rest.every((word, offset) => words[at + 1 + offset] === word)) counts[cue] = (counts[cue] ?? 0) + 1;
  }
}

/** Adds to `counts` one hit for every Chinese phrase that begins at character `at`. */
export function matchChars(text: string, at: number, counts: number[]): void {
  const first = text.charCodeAt(at);
  addHits(charPhrases.get(pairKey(first, 0)), text, at + 1, counts);
  if (at + 1 < text.length) addHits(charPhrases.get(pairKey(first, text.charCodeAt(at + 1))), text, at + 2, counts);
}

/** Is this one of the characters that hold ordinary Chinese sentences together? */
export const isFunctionChar = (code: number): boolean => functionChars.has(code);

function addHits(candidates: readonly CharPhrase[] | undefined, text: string, at: number, counts: number[]): void {
  if (!candidates) return;
  for (const { rest, cue } of candidates) {
    if (rest === '' || text.startsWith(rest, at)) counts[cue] = (counts[cue] ?? 0) + 1;
  }
}

function pairKey(first: number, second: number): number {
  return first * 0x1_0000 + second;
}

function entries(lexicon: Lexicon): [number, string][] {
  return cueNames.flatMap((cue, index) =>
    [...new Set((lexicon[cue] ?? '').split(',').map((phrase) => phrase.trim().replace(/\s+/g, ' ')))]
      .filter((phrase) => phrase !== '')
      .map((phrase): [number, string] => [index, phrase]),
  );
}
