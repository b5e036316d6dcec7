import type { Drafter } from './drafter.ts';
import type { EndedAnswer, GenerationRequest } from './generation.ts';

/** How far a sequence is. */
export type SequencePhase = 'waiting' | 'prefilling' | 'decoding' | 'finished';

/**
 * One request inside the engine. The scheduler owns `phase`, `slot`, `cached`, `arrival` and `preemptions`; the engine
 * owns the rest.
 */
export type Sequence = {
  request: GenerationRequest;
  phase: SequencePhase;
  slot: number;
  /** Prompt and answer. */
  tokens: number[];
  /** Tokens whose keys and values are in the cache. */
  cached: number;
  /** Tokens found in the cache when the sequence got its slot. */
  reused: number;
  maxTokens: number;
  /** Which of all sequences this one is, in the order they came. */
  arrival: number;
  /** How often it has given up its slot to one that goes first. */
  preemptions: number;
  /** Guesses what comes next, where drafts are wanted. */
  drafter?: Drafter | undefined;
  arrivedMs: number;
  startedMs: number;
  firstTokenMs: number;
};

export const completionTokens = (sequence: Sequence): number =>
  sequence.tokens.length - sequence.request.promptTokens.length;

/** Negative when the first goes first: by priority, smaller before larger, and within one priority as they came. */
export const byTurn = (a: Sequence, b: Sequence): number => priorityOf(a) - priorityOf(b) || a.arrival - b.arrival;

export const priorityOf = ({ request }: Sequence): number => request.priority ?? 0;

/** Choices of one prompt, neither of which has begun to answer: what one has computed is all that the other needs. */
export const sharePrompt = (a: Sequence, b: Sequence): boolean =>
  a.request.promptGroup !== undefined &&
  a.request.promptGroup === b.request.promptGroup &&
  [a, b].every((each) => completionTokens(each) === 0);

/** What a sequence was, at its end. */
export function endOf(sequence: Sequence, nowMs: number): EndedAnswer {
  return {
    adapter: sequence.request.adapter?.name,
    promptTokens: sequence.request.promptTokens.length,
    completionTokens: completionTokens(sequence),
    cachedTokens: sequence.reused,
    queuedMs: sequence.startedMs - sequence.arrivedMs,
    firstTokenMs: sequence.firstTokenMs - sequence.arrivedMs,
    totalMs: nowMs - sequence.arrivedMs,
  };
}
