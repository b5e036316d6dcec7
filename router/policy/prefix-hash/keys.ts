import type { ChatRequest, CompletionRequest, Message } from '@qwenfleet/core/openai/request';
import { hashText, join } from '../hash.ts';

/** How much of a prompt is looked at, in characters: what comes before the first question, the question, a bare prompt. */
const sharedCharsMax = 4_096;
const questionCharsMax = 1_024;
const promptCharsMax = 256;
/** Messages before the first question that are looked at. */
const leadingMax = 8;
/** Tokens of a prompt that is given as such. */
const tokensMax = 64;

/** What a prompt has in common with others that begin alike. */
export type PromptKeys = {
  /** With all that have the same instructions and tools. */
  shared: number;
  /** With the later turns of the same conversation. */
  own: number;
};

/**
 * The keys of a prompt: what a conversation keeps from turn to turn is its beginning, up to its first question. A client
 * that gives `prompt_cache_key` says better than its question does what belongs together, as with OpenAI.
 * @param tools the request's tools as they were written; templates put them before everything else.
 */
export function promptKeys(request: ChatRequest | CompletionRequest, tools = ''): PromptKeys {
  const cacheKey = request.prompt_cache_key ?? undefined;
  const named = (shared: number, own: () => number): PromptKeys => ({
    shared,
    own: cacheKey === undefined ? own() : join(shared, hashText(cacheKey, 0, cacheKey.length)),
  });
  // Adapters of one pool do not share what is in a cache.
  const model = hashText(request.model, 0, request.model.length);
  if (!isChat(request)) {
    const shared = join(model, promptHash(request.prompt));
    return named(shared, () => shared);
  }
  const { messages } = request;
  const found = messages.findIndex(({ role }) => role === 'user');
  const first = found === -1 ? messages.length : found;
  let shared = join(model, hashText(tools, 0, sharedCharsMax));
  let left = sharedCharsMax;
  for (const message of messages.slice(0, Math.min(first, leadingMax))) {
    const text = textOf(message);
    shared = hashText(text, shared, left);
    left = Math.max(0, left - text.length);
  }
  return named(shared, () => hashText(textOf(messages[first]), shared, questionCharsMax));
}

const isChat = (request: ChatRequest | CompletionRequest): request is ChatRequest => 'messages' in request;

/** The first text of a message, by reference: nothing is put together that may be long. */
function textOf(message: Message | undefined): string {
  const content = message?.content;
  if (typeof content === 'string') return content;
  for (const part of content ?? []) if ('text' in part && typeof part.text === 'string') return part.text;
  return '';
}

function promptHash(prompt: CompletionRequest['prompt']): number {
  const [first] = typeof prompt === 'string' ? [prompt] : prompt;
  if (typeof first === 'string') return hashText(first, 0, promptCharsMax);
  return (prompt as readonly number[]).slice(0, tokensMax).reduce((hash, token) => join(hash, token), 0);
}
