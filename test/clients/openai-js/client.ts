import OpenAI, { type ClientOptions } from 'openai';
import type { FullStand } from '../behaviour.ts';

/** The official client as a user makes it; without retries, so that what is seen is one answer. */
export const clientOf = ({ url, key }: Pick<FullStand, 'url' | 'key'>, options: ClientOptions = {}): OpenAI =>
  new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0, ...options });

/** Counts how often the client itself asks. */
export function counted(): { fetch: typeof fetch; asked: () => number } {
  let asked = 0;
  return {
    fetch: (...request) => {
      asked += 1;
      return fetch(...request);
    },
    asked: () => asked,
  };
}

export const textOf = (chunks: readonly OpenAI.ChatCompletionChunk[], index = 0): string =>
  chunks
    .flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
    .map(({ delta }) => delta.content ?? '')
    .join('');
