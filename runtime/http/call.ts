import { usageOf, type Usage } from '@qwenfleet/core/openai/usage';
import type { Span } from '@qwenfleet/core/telemetry/span';
import type { AnswerEnd } from '../text/answer-reader.ts';

/** One request as the routes pass it on: its name, its time, its seed, its trace, and how it ends early. */
export type Call = { id: string; created: number; seed: number; span: Span; signal: AbortSignal };

/** The prompt counts once, however many choices were made of it. What a client is told is in its trace, too. */
export function usageOfChoices(ends: readonly AnswerEnd[], { span }: Pick<Call, 'span'>): Usage {
  const usage = usageOf({
    prompt: ends[0]?.promptTokens ?? 0,
    completion: ends.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
    cached: ends[0]?.cachedTokens ?? 0,
    reasoning: ends.reduce((sum, { reasoningTokens }) => sum + reasoningTokens, 0),
  });
  span.set({
    'gen_ai.usage.input_tokens': usage.prompt_tokens,
    'gen_ai.usage.output_tokens': usage.completion_tokens,
  });
  return usage;
}
