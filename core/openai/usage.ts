import { z } from 'zod';

/** Token counts of one answer, in OpenAI's words. */
export const usageSchema = z.object({
  prompt_tokens: z.number().int().nonnegative(),
  completion_tokens: z.number().int().nonnegative(),
  total_tokens: z.number().int().nonnegative(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().int().nonnegative() }).optional(),
  completion_tokens_details: z.object({ reasoning_tokens: z.number().int().nonnegative() }).optional(),
});
export type Usage = z.infer<typeof usageSchema>;

export function usageOf(counts: { prompt: number; completion: number; cached?: number; reasoning?: number }): Usage {
  return {
    prompt_tokens: counts.prompt,
    completion_tokens: counts.completion,
    total_tokens: counts.prompt + counts.completion,
    prompt_tokens_details: { cached_tokens: counts.cached ?? 0 },
    completion_tokens_details: { reasoning_tokens: counts.reasoning ?? 0 },
  };
}
