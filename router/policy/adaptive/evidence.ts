import type { PoolDecision } from '../policy.ts';
import { easyNouns, hardNouns, withArticle } from './words.ts';

const sentencesMax = 5;
/** Log-odds from which something counts for somewhat, and for much. */
const [somewhat, much] = [0.3, 1];

/** What is seen in every prompt, more or less of it. */
const shapes: Record<string, string> = {
  length: 'how long it is',
  veryLong: 'how very long it is',
  sentences: 'how many sentences it has',
  sentenceLength: 'how long its sentences are',
  wordLength: 'how long its words are',
  longWords: 'how many long words it has',
  plainWords: 'how plain its words are',
  names: 'how many names it has',
  chinese: 'how much of it is Chinese',
  numbers: 'how many numbers it has',
  formulas: 'how much of it is formulas',
  codeMarks: 'how much of it looks like code',
  lines: 'how many lines it has',
  listItems: 'how many items it lists',
  choices: 'how many options it gives',
  questions: 'how many questions it asks',
  shortQuestion: 'that it is a short question',
  simpleAsk: 'that it asks for something simple',
  demands: 'how much it asks for at once',
  multiStep: 'how many steps it names',
  constraint: 'how many conditions it sets',
  negation: 'what it rules out',
};

/**
 * The features of a decision as sentences that support can read to a customer, strongest first, at most five.
 * @example "The words of a proof: a small model is much less likely to be right."
 */
export function evidence(features: PoolDecision['features']): string[] {
  return Object.entries(features)
    .slice(0, sentencesMax)
    .map(([name, logOdds]) => {
      const size = Math.abs(logOdds);
      const strength = size >= much ? 'much ' : size >= somewhat ? '' : 'slightly ';
      return `${subjectOf(name)}: a small model is ${strength}${logOdds > 0 ? 'more' : 'less'} likely to be right.`;
    });
}

/** A feature without a phrase is called by its name: a scorer that was trained anew may have others. */
function subjectOf(name: string): string {
  const noun = easyNouns[name] ?? hardNouns[name];
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  const subject = shapes[name] ?? `the words of ${noun === undefined ? words : withArticle(noun)}`;
  return subject.charAt(0).toUpperCase() + subject.slice(1);
}
