import { describe, expect, it } from 'vitest';
import { wayOf, type Served, type WayInput } from './way.ts';

const from: Served = {
  weights: 'hf://Qwen/Qwen3-4B@1',
  adapters: ['a=s3://x@1'],
  rest: 'args',
};
const able: WayInput = { hot: 'Auto', engine: { weights: true, adapters: true }, strategy: 'Rolling', taken: false };

describe('a change', () => {
  it.each<[string, Partial<Served>, Partial<WayInput>, string, string]>([
    ['of adapters', { adapters: ['b=s3://y@1'] }, {}, 'hot', 'only adapters changed'],
    ['of adapters, whatever the strategy', { adapters: [] }, { strategy: 'Canary' }, 'hot', 'only adapters changed'],
    ['of weights', { weights: 'hf://Qwen/Qwen3-4B@2' }, {}, 'hot', 'only weights changed'],
    [
      'back to the revision whose workload runs the other, whoever cannot or wants not',
      { weights: 'w' },
      { taken: true, hot: 'Never', strategy: 'Canary', engine: { weights: false, adapters: false } },
      'hot',
      'the workload of this revision runs another one',
    ],
    [
      'of weights under a canary',
      { weights: 'w' },
      { strategy: 'Canary' },
      'surge',
      'Canary needs both revisions side by side',
    ],
    ['of anything else', { rest: 'more args', adapters: [] }, {}, 'surge', 'more than weights and adapters changed'],
    ['that nobody wants hot', { weights: 'w' }, { hot: 'Never' }, 'surge', 'spec.update.hot is Never'],
    [
      'of weights, in an engine that cannot',
      { weights: 'w' },
      { engine: { weights: false, adapters: true } },
      'surge',
      'the engines cannot exchange weights now',
    ],
    [
      'of adapters, in an engine that cannot',
      { adapters: [] },
      { engine: { weights: true, adapters: false } },
      'surge',
      'the engine loads no adapters',
    ],
    ['that is none', { adapters: ['a=s3://x@1'] }, { hot: 'Never' }, 'hot', 'replicas serve this already'],
  ])('%s', (_what, change, input, way, reason) => {
    expect(wayOf(from, { ...from, ...change }, { ...able, ...input })).toMatchObject({ way, reason });
  });

  it('in the order of adapters is none', () => {
    const two = { ...from, adapters: ['a', 'b'] };
    expect(wayOf(two, { ...two, adapters: ['b', 'a'] }, able).what).toBe('nothing');
  });
});
