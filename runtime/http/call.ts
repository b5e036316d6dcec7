import { usageOf, type Usage } from '@qwenfleet/core/openai/usage';
import type { AnswerEnd } from '../text/answer-reader.ts';

/** One request as the routes pass it on: its name, its time, its seed, and how it ends early. */
export type Call = { id: string; created: number; seed: number; signal: AbortSignal };

/** The prompt counts once, however many choices were made of it. */
export function usageOfChoices(ends: readonly AnswerEnd[]): Usage {
  return usageOf({
    prompt: ends[0]?.promptTokens ?? 0,
    completion: ends.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
    cached: ends[0]?.cachedTokens ?? 0,
    reasoning: ends.reduce((sum, { reasoningTokens }) => sum + reasoningTokens, 0),
  });
}
