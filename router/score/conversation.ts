import { look, type Seen } from './features.ts';
import type { CueName } from './lexicon/cues.ts';

export type Turn = { role: string; text: string };
/** What is scored: the last user turn, with the turns that it leans on when it cannot stand alone. */
export type Reading = {
  seen: Seen;
  /** False when nothing that was said tells easy from hard. */
  signal: boolean;
  /** The last turn alone said too little, so that an earlier one was read with it. */
  inherited: boolean;
};

/** User turns that are looked back at, and characters read of each. */
const turnsBackMax = 6;
const contextCharsMax = 1500;
/** A question that the assistant closed with is looked for in this many last characters. */
const offerCharsMax = 400;
const shortReplyWords = 8;
const leaningReplyWords = 12;

const easyCues: readonly CueName[] = ['greeting', 'smallTalk', 'simpleFact', 'everydayTask'];
const taskCues: readonly CueName[] = [
  'explain',
  'writing',
  'rework',
  'program',
  'systems',
  'proof',
  'derivation',
  'analysis',
  'design',
];
const heavyCues: readonly CueName[] = ['systems', 'proof', 'derivation', 'analysis', 'design', 'program'];

/** Reads a conversation. System turns set the scene for every prompt alike and are not read. */
export function read(turns: readonly Turn[]): Reading {
  const lastUser = turns.findLastIndex(({ role, text }) => role === 'user' && text.trim() !== '');
  const last = turns[lastUser]?.text ?? '';
  const alone = look(last);
  if (standsAlone(alone)) return { seen: alone, signal: true, inherited: false };
  const offer = offerBefore(turns, lastUser);
  if (offer !== undefined && isHeavy(look(offer))) return join([offer, last]);
  const earlier = earlierWithSignal(turns, lastUser);
  if (earlier !== undefined) return join([earlier, last]);
  return { seen: alone, signal: hasSignal(alone), inherited: false };
}

/** Does a text hold anything that tells easy from hard? */
export function hasSignal(seen: Seen): boolean {
  const { hits, words, commonWords, cjkChars, functionChars, units } = seen;
  if (hits('greeting') + hits('smallTalk') > 0) return true;
  if (units >= 2 && [...easyCues, ...taskCues].some((cue) => hits(cue) > 0)) return true;
  if (seen.numbers >= 2 && seen.mathMarks > 0) return true;
  if (seen.codeMarks >= 4) return true;
  return (words >= 3 && commonWords >= 2 && commonWords / words >= 0.3) || (cjkChars >= 5 && functionChars >= 1);
}

function standsAlone(seen: Seen): boolean {
  if (!hasSignal(seen)) return false;
  const { hits, units } = seen;
  if (easyCues.some((cue) => hits(cue) > 0) && hits('backReference') === 0) return true;
  if (units < shortReplyWords && !taskCues.some((cue) => hits(cue) > 0)) return false;
  return !(units < leaningReplyWords && hits('backReference') > 0);
}

const isHeavy = ({ hits }: Seen): boolean => heavyCues.some((cue) => hits(cue) > 0);

function join(texts: readonly string[]): Reading {
  const seen = look(texts.join('\n'));
  return { seen, signal: true, inherited: true };
}

/** "Shall I write the proof?": what a "yes" says yes to. */
function offerBefore(turns: readonly Turn[], at: number): string | undefined {
  const before = turns[at - 1];
  if (before?.role !== 'assistant') return undefined;
  const tail = before.text.slice(-offerCharsMax).trimEnd();
  if (!tail.endsWith('?') && !tail.endsWith('？')) return undefined;
  const from = Math.max(...['. ', '! ', '\n', '。', '！'].map((end) => tail.lastIndexOf(end)));
  return tail.slice(from + 1);
}

function earlierWithSignal(turns: readonly Turn[], before: number): string | undefined {
  let looked = 0;
  for (let at = before - 1; at >= 0 && looked < turnsBackMax; at--) {
    const turn = turns[at];
    if (turn?.role !== 'user') continue;
    looked++;
    const text = turn.text.slice(0, contextCharsMax);
    if (hasSignal(look(text))) return text;
  }
  return undefined;
}
