import { FleetError } from '@qwenfleet/core/errors';
import { maxTokensOf, messageText, type ChatRequest, type CompletionRequest } from '@qwenfleet/core/openai/request';
import type { Fleet } from './fleet-view.ts';
import type { Objective, PoolDecision, PoolPolicy, ScoredRequest } from './policy/policy.ts';
import type { UpstreamPool } from './upstream/pool.ts';

/** How pools are compared. */
export type Judging = { policy: PoolPolicy; objective: Objective };
export type Route = { pool: UpstreamPool; decision: PoolDecision };

/** UTF-8 bytes of a token on average: a little over three for Chinese, about four for English. Used for a bound only. */
const bytesPerToken = 4;
export const tokensOfBytes = (bytes: number): number => Math.ceil(bytes / bytesPerToken);

/** What a policy may look at, from either kind of request. */
export function scoredRequest(request: ChatRequest | CompletionRequest): ScoredRequest {
  const messages = isChat(request)
    ? request.messages.map((message) => ({ role: message.role, text: messageText(message) }))
    : [{ role: 'user', text: promptText(request.prompt) }];
  const bytes = messages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  return {
    messages,
    tools: isChat(request) && (request.tools?.length ?? 0) > 0,
    json:
      isChat(request) &&
      request.response_format !== undefined &&
      request.response_format !== null &&
      request.response_format.type !== 'text',
    vision: isChat(request) && request.messages.some(({ content }) => Array.isArray(content) && content.some(isImage)),
    promptTokens: tokensOfBytes(bytes),
    maxTokens: maxTokensOf(request),
  };
}

const isChat = (request: ChatRequest | CompletionRequest): request is ChatRequest => 'messages' in request;

const isImage = ({ type }: { type: string }): boolean => type === 'image_url' || type === 'input_image';

const promptText = (prompt: CompletionRequest['prompt']): string =>
  typeof prompt === 'string' ? prompt : prompt.filter((part) => typeof part === 'string').join('\n');

/** The pool for a request: the one that it names, or the one that the policy finds for `auto`. */
export function route(request: ChatRequest | CompletionRequest, fleet: Fleet, { policy, objective }: Judging): Route {
  if (request.model === 'auto') {
    const decision = policy.decide(scoredRequest(request), fleet.views(), objective);
    return { pool: fleet.named(decision.pool, 'generate'), decision };
  }
  const pool = fleet.named(request.model, 'generate');
  return { pool, decision: namedDecision(pool, request.model, fleet) };
}

function namedDecision(pool: UpstreamPool, asked: string, fleet: Fleet): PoolDecision {
  const { name } = pool.config;
  return {
    pool: name,
    reason: 'named',
    words: `${name}: the request asks for "${asked}", so nothing was weighed`,
    confidence: 1,
    pools: fleet.pools.map(({ config, waitMs, available }) => ({
      name: config.name,
      p: 0,
      cost: config.costPerToken,
      waitMs,
      eligible: config.name === name && available,
      ...(config.name === name ? {} : { why: 'the request names another' }),
    })),
    features: {},
  };
}

/**
 * The pool that answers `auto` in place of those that have failed: one of the tier that the failed pool's configuration
 * names, otherwise the next best. Undefined when no other can answer this request.
 */
export function fallbackRoute(
  request: ChatRequest | CompletionRequest,
  fleet: Fleet,
  { policy, objective, failed }: Judging & { failed: readonly UpstreamPool[] },
): Route | undefined {
  const scored = scoredRequest(request);
  const others = fleet.views().filter(({ name }) => !failed.some(({ config }) => config.name === name));
  const tier = failed.at(-1)?.config.fallbackTier;
  for (const views of [others.filter((view) => view.tier === tier), others]) {
    try {
      const decision = policy.decide(scored, views, objective);
      return {
        pool: fleet.named(decision.pool, 'generate'),
        decision: { ...decision, reason: 'fallback', confidence: 0 },
      };
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
    }
  }
  return undefined;
}

/** The pool for embeddings: by name, or the only kind there is for `auto`. */
export function embeddingPool(model: string, fleet: Fleet): UpstreamPool {
  if (model !== 'auto') return fleet.named(model, 'embed');
  const pool = fleet.views().find(({ task }) => task === 'embed');
  if (pool) return fleet.named(pool.name, 'embed');
  throw new FleetError(
    'model_not_found',
    'model: no pool of this fleet makes embeddings; examples/embeddings.yaml has one.',
    { param: 'model' },
  );
}
