import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import type { FullStand } from '../behaviour.ts';

/** The provider as its documentation sets it up for a server of one's own. */
export const providerOf = (
  { url, key }: Pick<FullStand, 'url' | 'key'>,
  given: object = {},
): OpenAICompatibleProvider =>
  createOpenAICompatible({
    name: 'qwenfleet',
    baseURL: url,
    apiKey: key,
    includeUsage: true,
    supportsStructuredOutputs: true,
    ...given,
  });
