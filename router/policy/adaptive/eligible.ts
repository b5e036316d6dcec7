import { FleetError } from '@qwenfleet/core/errors';
import type { PoolView, ScoredRequest } from '../policy.ts';

/** Why a pool cannot answer a request; nothing when it can. */
export function obstacle(pool: PoolView, request: ScoredRequest): Obstacle | undefined {
  if (pool.task !== 'generate') return { kind: 'task', why: 'serves embeddings, not text' };
  if (request.tools && !pool.capabilities.tools) return { kind: 'tools', why: 'its model cannot call tools' };
  if (request.json && !pool.capabilities.json) return { kind: 'json', why: 'its server cannot guarantee JSON' };
  if (request.vision && !pool.capabilities.vision) return { kind: 'vision', why: 'its model sees no pictures' };
  const needed = request.promptTokens + (request.maxTokens ?? 1);
  if (needed > pool.contextLength) {
    return {
      kind: 'context',
      why: `its context window of ${pool.contextLength} tokens is smaller than the ${needed} needed`,
    };
  }
  if (!pool.available) return { kind: 'availability', why: 'it has no server that answers' };
  return undefined;
}

export type Obstacle = { kind: 'task' | 'tools' | 'json' | 'vision' | 'context' | 'availability'; why: string };

/** What to tell a client whose request no pool can answer; names the nearest miss. */
export function noPoolError(obstacles: readonly Obstacle[], request: ScoredRequest): FleetError {
  const met = new Set(obstacles.map(({ kind }) => kind));
  if (met.has('availability') || obstacles.length === 0) {
    return new FleetError(
      'pool_unavailable',
      'No pool that could answer this request has a server right now. Try again shortly.',
    );
  }
  if (met.has('context')) {
    const asked = request.maxTokens === undefined ? '' : ` and max_tokens of ${request.maxTokens}`;
    return new FleetError(
      'context_length_exceeded',
      `messages: about ${request.promptTokens} tokens${asked} do not fit into the context window of any pool. Shorten the messages or ask for fewer tokens.`,
      { param: 'messages' },
    );
  }
  if (met.has('tools') || met.has('json')) {
    const param = met.has('tools') ? 'tools' : 'response_format';
    return new FleetError('unsupported', `${param}: no pool of this fleet supports it. Send the request without it.`, {
      param,
    });
  }
  if (met.has('vision'))
    return new FleetError(
      'unsupported',
      'messages: no pool of this fleet sees images. Send the messages without them.',
      {
        param: 'messages',
      },
    );
  return new FleetError('unsupported', 'model: no pool of this fleet generates text. Ask for one of GET /v1/models.', {
    param: 'model',
  });
}
