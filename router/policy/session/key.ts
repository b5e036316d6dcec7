import type { ChatRequest, CompletionRequest } from '@qwenfleet/core/openai/request';
import { hashText } from '../hash.ts';

/** Longer names of sessions are told apart by this much. */
const nameCharsMax = 256;

/**
 * The key of a session: its name in the header, or else in `prompt_cache_key`. Not `user`: that is a person, or the
 * program that asks for all of them, and its requests need not have anything in common.
 * @param name what the session's header says.
 */
export function sessionKey(
  name: string | undefined,
  request: Pick<ChatRequest | CompletionRequest, 'prompt_cache_key'>,
): number | undefined {
  const session = name || request.prompt_cache_key;
  return session ? hashText(session, 0, nameCharsMax) : undefined;
}
