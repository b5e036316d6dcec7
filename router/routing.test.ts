import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { chatRequestSchema, completionRequestSchema } from '@qwenfleet/core/openai/request';
import { describe, expect, it } from 'vitest';
import { FleetView } from './fleet-view.ts';
import { endpointsOf, poolOf, type Server } from './harness/router.ts';
import type { PoolPolicy } from './policy/policy.ts';
import { embeddingPool, fallbackRoute, route, scoredRequest } from './routing.ts';

const objective = { costWeight: 0.3, waitWeight: 0.002 };
const chat = (fields: object = {}) =>
  chatRequestSchema.parse({ model: 'auto', messages: [{ role: 'user', content: 'Hello' }], ...fields });

/** Takes the first pool that it is offered. */
const first: PoolPolicy = {
  name: 'first',
  decide: (_request, pools) => {
    const [pool] = pools;
    if (!pool) throw new FleetError('pool_unavailable', 'none is left');
    return { pool: pool.name, reason: 'easy', words: '', confidence: 1, pools: [], features: {} };
  },
};

type Given = { name: string; servers?: Server[]; [setting: string]: unknown };
function fleetOf(...pools: Given[]): FleetView {
  const configs = pools.map(({ servers: _servers, ...settings }) => poolOf(settings));
  const fleet = new FleetView(configs, { clock: new ManualClock(), rng: () => 0, onWake: () => undefined });
  fleet.update({
    generation: 1,
    pools: Object.fromEntries(pools.map(({ name, servers = [`http://${name}`] }) => [name, endpointsOf(servers)])),
  });
  return fleet;
}

describe('what a policy sees of a request', () => {
  it('is the text of each message, parts joined, pictures left out', () => {
    const content = [
      { type: 'text', text: 'What is ' },
      { type: 'image_url', image_url: { url: 'http://x' } },
      { type: 'text', text: 'this?' },
    ];
    expect(scoredRequest(chat({ messages: [{ role: 'user', content }] })).messages).toEqual([
      { role: 'user', text: 'What is this?' },
    ]);
  });

  it.each([
    [{}, { tools: false, json: false, maxTokens: undefined }],
    [{ tools: [] }, { tools: false }],
    [{ tools: [{ type: 'function' }] }, { tools: true }],
    [{ response_format: { type: 'text' } }, { json: false }],
    [{ response_format: { type: 'json_schema' } }, { json: true }],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }] }, { vision: false }],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x' } }] }] },
      { vision: true },
    ],
    [{ max_tokens: 5 }, { maxTokens: 5 }],
    [{ max_tokens: 5, max_completion_tokens: 7 }, { maxTokens: 7 }],
  ])('of %j is %j', (fields, seen) => {
    expect(scoredRequest(chat(fields))).toMatchObject(seen);
  });

  it('is the prompt of a text completion', () => {
    const prompt = (value: unknown) => scoredRequest(completionRequestSchema.parse({ model: 'auto', prompt: value }));
    expect(prompt('once').messages).toEqual([{ role: 'user', text: 'once' }]);
    expect(prompt(['once', 'twice']).messages).toEqual([{ role: 'user', text: 'once\ntwice' }]);
    expect(prompt([1, 2, 3]).messages).toEqual([{ role: 'user', text: '' }]);
  });

  it('counts tokens by bytes, so that Chinese is not taken for short', () => {
    expect(scoredRequest(chat({ messages: [{ role: 'user', content: '你'.repeat(400) }] })).promptTokens).toBe(300);
  });
});

describe('a request', () => {
  const fleet = fleetOf({ name: 'small', models: ['Qwen/Qwen3-8B'] }, { name: 'large', tier: 'large' });

  it('for auto goes where the policy says', () => {
    expect(route(chat(), fleet, { policy: first, objective })).toMatchObject({
      decision: { pool: 'small', reason: 'easy' },
    });
  });

  it('for a name goes there, and the explanation says that nothing was weighed', () => {
    const { pool, decision } = route(chat({ model: 'Qwen/Qwen3-8B' }), fleet, { policy: first, objective });
    expect(pool.config.name).toBe('small');
    expect(decision).toMatchObject({
      reason: 'named',
      confidence: 1,
      words: expect.stringContaining('"Qwen/Qwen3-8B"'),
    });
    expect(decision.pools).toMatchObject([
      { name: 'small', eligible: true },
      { name: 'large', eligible: false, why: 'the request names another' },
    ]);
  });
});

describe('a request whose pool has failed', () => {
  const judging = { policy: first, objective };

  it('goes to the tier that the pool’s configuration names', () => {
    const fleet = fleetOf(
      { name: 'small', fallbackTier: 'large' },
      { name: 'medium', tier: 'medium' },
      { name: 'large', tier: 'large' },
    );
    const failed = [fleet.named('small', 'generate')];
    expect(fallbackRoute(chat(), fleet, { ...judging, failed })).toMatchObject({
      decision: { pool: 'large', reason: 'fallback', confidence: 0 },
    });
  });

  it('goes to the next best where none is named, and never back', () => {
    const fleet = fleetOf({ name: 'a' }, { name: 'b' }, { name: 'c' });
    const failed = [fleet.named('a', 'generate')];
    const next = fallbackRoute(chat(), fleet, { ...judging, failed });
    expect(next?.decision.pool).toBe('b');
    if (next) failed.push(next.pool);
    expect(fallbackRoute(chat(), fleet, { ...judging, failed })?.decision.pool).toBe('c');
    failed.push(fleet.named('c', 'generate'));
    expect(fallbackRoute(chat(), fleet, { ...judging, failed })).toBeUndefined();
  });
});

describe('a request for embeddings', () => {
  it('for auto goes to the pool that makes them', () => {
    const fleet = fleetOf({ name: 'small' }, { name: 'vectors', task: 'embed' });
    expect(embeddingPool('auto', fleet).config.name).toBe('vectors');
  });

  it('is refused with a remedy where no pool makes them', () => {
    const fleet = fleetOf({ name: 'small' });
    expect(() => embeddingPool('auto', fleet)).toThrow(/examples\/embeddings\.yaml/);
    expect(() => embeddingPool('small', fleet)).toThrow(/makes text.*POST \/v1\/chat\/completions/);
  });
});
