import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { ChatRequest, CompletionRequest } from '@qwenfleet/core/openai/request';
import type { Affinity } from './policy/affinity.ts';
import type { HeaderReader } from './policy/canary/arms.ts';
import { promptKeys } from './policy/prefix-hash/keys.ts';
import { sessionKey } from './policy/session/key.ts';
import type { RawMembers } from './upstream/request-body.ts';

/** By what a request may be kept with others: its session where sessions are held together, or else its prompt. */
export const affinityOf = (
  request: ChatRequest | CompletionRequest,
  { members, header }: { members: RawMembers; header: HeaderReader },
  session: RouterConfig['session'],
): Affinity => ({
  session: session && sessionKey(header(session.header), request),
  prompt: () => promptKeys(request, members.get('tools')),
});
