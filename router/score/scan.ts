import { commonWords } from './lexicon/common-words.ts';
import { isFunctionChar, matchChars, matchWords } from './lexicon/match.ts';
import { cueAt, cueNames } from './lexicon/cues.ts';
import { sampleOf, type Sample } from './sample.ts';

/** Everything that is counted in one pass over a prompt's sample. */
export type Scan = {
  /** Characters of the whole prompt, and of the part that was read. */
  totalChars: number;
  readChars: number;
  words: number;
  wordChars: number;
  longWords: number;
  commonWords: number;
  capitalWords: number;
  cjkChars: number;
  functionChars: number;
  /** Letters of scripts whose words the scorer does not know. */
  otherLetters: number;
  numbers: number;
  mathMarks: number;
  codeMarks: number;
  lines: number;
  listLines: number;
  /** Lines such as "B. …" or "C: …". */
  choiceLines: number;
  sentences: number;
  questionMarks: number;
  /** Chinese characters that make a sentence a question. */
  questionChars: number;
  /** Hits per cue, in the order of `cueNames`. */
  cues: number[];
  firstWord: string;
  /** Words in lower case, `#` for a number, `.` for the end of a sentence, and each Chinese character, in order. */
  tokens: readonly string[];
};

const wordLettersMax = 40;
const longWordLetters = 9;

/** Reads at most `sampleCharsMax` characters; the time does not grow with the prompt beyond that. */
export function scan(prompt: string): Scan {
  const sample = sampleOf(prompt);
  const found = emptyScan(sample);
  const words: string[] = [];
  const { text } = sample;
  for (let at = 0; at < text.length;) at = step(text, at, found, words);
  endLine(text, text.length, found);
  for (let at = 0; at < words.length; at++) matchWords(words, at, found.cues);
  found.sentences = Math.max(1, found.sentences);
  found.firstWord = words[0] ?? '';
  found.tokens = words;
  return found;
}

/** Consumes one token and returns where the next begins. */
function step(text: string, at: number, found: Scan, words: string[]): number {
  const code = text.charCodeAt(at);
  if (isLatin(code)) return takeWord(text, at, found, words);
  if (isDigit(code)) {
    found.numbers++;
    words.push('#');
    return skipDigits(text, at);
  }
  if (code < 0x80) takeMark(text, at, code, found, words);
  else takeWide(text, at, code, found, words);
  return at + 1;
}

function takeWord(text: string, at: number, found: Scan, words: string[]): number {
  let end = at + 1;
  while (end < text.length && isWordPart(text.charCodeAt(end))) end++;
  const raw = text.slice(at, Math.min(end, at + wordLettersMax));
  const lower = raw.toLowerCase();
  const word = lower.includes('’') ? lower.replaceAll('’', "'") : lower;
  const length = end - at;
  found.words++;
  found.wordChars += length;
  if (length >= longWordLetters) found.longWords++;
  if (commonWords.has(word)) found.commonWords++;
  else if (at > 0 && isCapital(text.charCodeAt(at))) found.capitalWords++;
  if (word === 'o' && text[end] === '(') found.cues[cueAt.systems] = (found.cues[cueAt.systems] ?? 0) + 1;
  words.push(word);
  return end;
}

function takeMark(text: string, at: number, code: number, found: Scan, words: string[]): void {
  const kind = asciiKinds[code];
  if (kind === undefined || kind === 0) return;
  if (kind === newLine) endLine(text, at, found);
  else if (kind === mathMark) found.mathMarks++;
  else if (kind === codeMark) found.codeMarks++;
  else {
    if (code === questionMark) found.questionMarks++;
    if (isWordPart(text.charCodeAt(at + 1))) return;
    found.sentences++;
    words.push('.');
  }
}

function takeWide(text: string, at: number, code: number, found: Scan, words: string[]): void {
  if (isCjk(code)) {
    found.cjkChars++;
    if (isFunctionChar(code)) found.functionChars++;
    if (questionChars.has(text[at] ?? '')) found.questionChars++;
    matchChars(text, at, found.cues);
    words.push(text[at] ?? '');
    return;
  }
  const char = text[at] ?? '';
  if (char === '？') found.questionMarks++;
  if (wideSentenceEnds.has(char)) {
    found.sentences++;
    words.push('.');
  }
  if (wideMathMarks.has(char)) found.mathMarks += 2;
  else if (isOtherLetter(code)) found.otherLetters++;
}

/** Looks at the beginning of the line that ends at `end`. */
function endLine(text: string, end: number, found: Scan): void {
  const from = text.lastIndexOf('\n', end - 1) + 1;
  const start = text.slice(from, Math.min(end, from + 8)).trimStart();
  if (start === '') return;
  found.lines++;
  if (/^(?:[-*•]\s|\d{1,2}[.)、]|[（(]\d)/.test(start)) found.listLines++;
  if (/^[(（]?[A-J][.:)：、]/.test(start)) found.choiceLines++;
}

function emptyScan(sample: Sample): Scan {
  return {
    totalChars: sample.totalChars,
    readChars: sample.text.length,
    words: 0,
    wordChars: 0,
    longWords: 0,
    commonWords: 0,
    capitalWords: 0,
    cjkChars: 0,
    functionChars: 0,
    otherLetters: 0,
    numbers: 0,
    mathMarks: 0,
    codeMarks: 0,
    lines: 0,
    listLines: 0,
    choiceLines: 0,
    sentences: 0,
    questionMarks: 0,
    questionChars: 0,
    cues: cueNames.map(() => 0),
    firstWord: '',
    tokens: [],
  };
}

const newLine = 1;
const sentenceEnd = 2;
const mathMark = 3;
const codeMark = 4;
const questionMark = 0x3f;
const asciiKinds = new Uint8Array(0x80);
for (const [kind, marks] of [
  [newLine, '\n'],
  [sentenceEnd, '.?!'],
  [mathMark, '=+^<>\\$*/%|'],
  [codeMark, '{}[];_`#@&'],
] as const) {
  for (const mark of marks) asciiKinds[mark.charCodeAt(0)] = kind;
}

const wideSentenceEnds = new Set(['。', '？', '！', '；']);
const questionChars = new Set(Array.from('吗呢几谁哪么'));
const wideMathMarks = new Set(Array.from('√∑∏∫∂∇∈∉⊂⊆∀∃∞≤≥≠≈≡→⇒⇔±×÷·πθλμσΔΣΩαβγφψ∨∧⊃°²³ⁿ'));

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isCapital = (code: number): boolean => code >= 0x41 && code <= 0x5a;
const isLatin = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  isCapital(code) ||
  (code >= 0xc0 && code <= 0x24f && code !== 0xd7 && code !== 0xf7);
const isWordPart = (code: number): boolean => isLatin(code) || code === 0x27 || code === 0x2019;
const isCjk = (code: number): boolean => (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf);
const isOtherLetter = (code: number): boolean =>
  (code >= 0x370 && code <= 0x1fff) || (code >= 0x3040 && code <= 0x30ff) || (code >= 0xac00 && code <= 0xd7af);

function skipDigits(text: string, at: number): number {
  let end = at + 1;
  while (
    end < text.length &&
    (isDigit(text.charCodeAt(end)) || (isSeparator(text[end]) && isDigit(text.charCodeAt(end + 1))))
  )
    end++;
  return end;
}

const isSeparator = (char: string | undefined): boolean => char === '.' || char === ',';
