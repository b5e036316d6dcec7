import type { GenerationEnd, GenerationRequest } from './generation.ts';

/** How far a sequence is. */
export type SequencePhase = 'waiting' | 'prefilling' | 'decoding' | 'finished';

/** One request inside the engine. The scheduler owns `phase`, `slot` and `cached`; the engine owns the rest. */
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
  arrivedMs: number;
  startedMs: number;
  firstTokenMs: number;
};

export const completionTokens = (sequence: Sequence): number =>
  sequence.tokens.length - sequence.request.promptTokens.length;

/** The last step of a sequence: what its consumer is told. */
export function endOf(sequence: Sequence, reason: GenerationEnd['reason'], nowMs: number): GenerationEnd {
  return {
    reason,
    promptTokens: sequence.request.promptTokens.length,
    completionTokens: completionTokens(sequence),
    cachedTokens: sequence.reused,
    queuedMs: sequence.startedMs - sequence.arrivedMs,
    firstTokenMs: sequence.firstTokenMs - sequence.arrivedMs,
    totalMs: nowMs - sequence.arrivedMs,
  };
}
