import { withoutAsides } from './asides.ts';
import { cueAt, cueNames, type CueName } from './lexicon/cues.ts';
import { scan, type Scan } from './scan.ts';

/** Chinese characters that carry about as much as one English word. */
const cjkCharsPerWord = 1.6;
const hitsMax = 15;
/** A question, or anything else that is asked for, of more words than this is not short. */
const shortQuestionWords = 18;
const simpleAskWords = 24;
/** A question is casual up to this many words, when at least this share of them are everyday ones. */
const casualWords = 12;
const casualPlainShare = 0.4;

/** Cues that are counted for the rules of conversation but say nothing of difficulty. */
const uncountedCues: readonly CueName[] = ['backReference'];
const easyCues: readonly CueName[] = ['greeting', 'smallTalk', 'simpleFact', 'everydayTask'];
const heavyCues: readonly CueName[] = ['program', 'systems', 'proof', 'derivation', 'analysis', 'design'];

type Feature = { name: string; value: (seen: Seen) => number };
/** A scan with what several features need. */
export type Seen = Scan & {
  /** Words, with Chinese counted in words of its own. */
  units: number;
  /** Short, without options, and nothing heavy is asked for. */
  light: boolean;
  hits: (cue: CueName) => number;
};

const shape: readonly Feature[] = [
  { name: 'length', value: ({ units }) => Math.log2(1 + units) },
  { name: 'veryLong', value: ({ units }) => Math.max(0, Math.log2((1 + units) / 120)) },
  { name: 'sentences', value: ({ sentences }) => Math.log2(sentences) },
  { name: 'sentenceLength', value: ({ units, sentences }) => Math.log2(1 + Math.min(60, units / sentences)) },
  { name: 'wordLength', value: ({ words, wordChars }) => (words < 3 ? 4.7 : Math.min(10, wordChars / words)) },
  { name: 'longWords', value: (seen) => latinShare(seen, seen.longWords, usualLongWords) },
  { name: 'plainWords', value: plainShare },
  { name: 'names', value: (seen) => latinShare(seen, seen.capitalWords, usualNames) },
  { name: 'chinese', value: ({ cjkChars, words }) => cjkChars / (cjkChars + 3 * words + 1) },
  { name: 'numbers', value: ({ numbers }) => Math.log2(1 + Math.min(60, numbers)) },
  { name: 'formulas', value: ({ mathMarks }) => Math.log2(1 + Math.min(60, mathMarks)) },
  { name: 'codeMarks', value: ({ codeMarks }) => Math.log2(1 + Math.min(60, codeMarks)) },
  {
    name: 'lines',
    value: ({ lines, choiceLines }) => Math.log2(1 + Math.min(60, Math.max(0, lines - choiceLines - 1))),
  },
  { name: 'listItems', value: ({ listLines }) => Math.log2(1 + Math.min(30, listLines)) },
  { name: 'choices', value: ({ choiceLines }) => Math.log2(1 + Math.min(10, choiceLines)) },
  { name: 'questions', value: ({ questionMarks }) => Math.min(3, questionMarks) },
  { name: 'shortQuestion', value: shortQuestion },
  { name: 'simpleAsk', value: simpleAsk },
  { name: 'demands', value: demands },
];
const cues: readonly Feature[] = cueNames
  .filter((cue) => !uncountedCues.includes(cue))
  .map((cue) => ({ name: cue, value: (seen) => cueValue(cue, seen) }));
const all = [...shape, ...cues];

/** The features' names, in the order of every vector. */
export const featureNames: readonly string[] = all.map(({ name }) => name);

/** A scan of what a prompt asks, ready for the features and for the rules of conversation. */
export function look(prompt: string): Seen {
  const found = scan(withoutAsides(prompt));
  const scale = found.totalChars / Math.max(1, found.readChars);
  const units = (found.words + found.numbers + found.cjkChars / cjkCharsPerWord) * Math.max(1, scale);
  const hits = (cue: CueName): number => found.cues[cueAt[cue]] ?? 0;
  const light = found.choiceLines === 0 && units <= simpleAskWords && !heavyCues.some((cue) => hits(cue) > 0);
  return Object.assign(found, { units, light, hits });
}

/** One number per feature, in the order of `featureNames`; all finite and bounded whatever the prompt. */
export const featuresOf = (seen: Seen): number[] => all.map(({ value }) => value(seen));

/** "Hello" before a proof and "translate" in a long exam question make neither of them easy. */
function cueValue(cue: CueName, seen: Seen): number {
  if (!seen.light && easyCues.includes(cue)) return 0;
  return Math.log2(1 + Math.min(hitsMax, seen.hits(cue)));
}

/** Chinese has neither long words nor capitals: there a prompt counts as having what English prompts usually have. */
const usualLongWords = 0.1;
const usualNames = 0.12;
function latinShare({ words, cjkChars }: Seen, count: number, usual: number): number {
  const chinese = cjkChars / cjkCharsPerWord;
  return (count + usual * chinese) / Math.max(4, words + chinese);
}

function plainShare({ words, commonWords, cjkChars, functionChars }: Seen): number {
  const letters = words + cjkChars;
  return letters === 0 ? 0.5 : (commonWords + Math.min(cjkChars, functionChars * 1.8)) / letters;
}

function shortQuestion(seen: Seen): number {
  if (!isQuestion(seen) || seen.choiceLines > 0 || seen.sentences > 2) return 0;
  if (heavyCues.some((cue) => seen.hits(cue) > 0)) return 0;
  return Math.max(0, 1 - seen.units / shortQuestionWords);
}

/** A greeting, a thank-you, a well-known fact, a word to translate: short, and nothing heavy beside it. */
function simpleAsk(seen: Seen): number {
  const { hits } = seen;
  if (!seen.light) return 0;
  if (easyCues.some((cue) => hits(cue) > 0)) return 1;
  const casual =
    seen.units <= casualWords && isQuestion(seen) && hits('explain') === 0 && plainShare(seen) >= casualPlainShare;
  return casual ? 1 : 0;
}

const questionWords = new Set(
  "who what when where which whose is are was were does do did can could how whats what's who's".split(' '),
);
function isQuestion({ questionMarks, questionChars, firstWord, hits }: Seen): boolean {
  return questionMarks > 0 || questionChars > 0 || questionWords.has(firstWord) || hits('simpleFact') > 0;
}

/** How many different kinds of work are asked for, and how many conditions are set. */
function demands({ hits }: Seen): number {
  const kinds = heavyCues.filter((cue) => hits(cue) > 0).length;
  return kinds * Math.log2(2 + Math.min(hitsMax, hits('constraint') + hits('multiStep')));
}
