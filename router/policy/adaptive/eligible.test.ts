import { describe, expect, it } from 'vitest';
import type { PoolView, ScoredRequest } from '../policy.ts';
import { noPoolError, obstacle } from './eligible.ts';

const pool: PoolView = {
  name: 'small',
  tier: 'small',
  task: 'generate',
  contextLength: 1_000,
  capabilities: { tools: true, json: true, vision: false },
  costPerToken: 0.1,
  ready: 1,
  starting: 0,
  waitMs: 0,
  pressure: 0,
  available: true,
};
const request: ScoredRequest = { messages: [], tools: false, json: false, promptTokens: 100, maxTokens: undefined };
const incapable = { tools: false, json: false, vision: false };

describe('a pool', () => {
  it('may answer what it can', () => {
    expect(obstacle(pool, { ...request, tools: true, json: true, maxTokens: 900 })).toBeUndefined();
  });

  it.each<[string, Partial<PoolView>, Partial<ScoredRequest>]>([
    ['task', { task: 'embed' }, {}],
    ['tools', { capabilities: incapable }, { tools: true }],
    ['json', { capabilities: incapable }, { json: true }],
    ['vision', {}, { vision: true }],
    ['context', {}, { maxTokens: 901 }],
    ['context', {}, { promptTokens: 1_000 }],
    ['availability', { available: false }, {}],
  ])('is left out because of %s, in words', (kind, view, asked) => {
    const found = obstacle({ ...pool, ...view }, { ...request, ...asked });
    expect(found?.kind).toBe(kind);
    expect(found?.why.split(' ').length).toBeGreaterThan(3);
  });
});

describe('a request that no pool can answer', () => {
  const why = (kind: 'task' | 'tools' | 'json' | 'vision' | 'context' | 'availability') => ({ kind, why: '' });

  it.each([
    [[why('availability'), why('tools')], 'pool_unavailable', undefined],
    [[], 'pool_unavailable', undefined],
    [[why('context'), why('tools')], 'context_length_exceeded', 'messages'],
    [[why('tools'), why('json')], 'unsupported', 'tools'],
    [[why('json')], 'unsupported', 'response_format'],
    [[why('vision')], 'unsupported', 'messages'],
    [[why('task')], 'unsupported', 'model'],
  ])('because of %j is told the nearest miss: %s', (obstacles, code, param) => {
    expect(noPoolError(obstacles, request)).toMatchObject({ code, param });
  });

  it('is told how long it is, and what it asked for', () => {
    const { message } = noPoolError([why('context')], { ...request, promptTokens: 5_000, maxTokens: 300 });
    expect(message).toMatch(/5000 tokens.*300/);
    expect(message).toMatch(/Shorten/);
  });
});
