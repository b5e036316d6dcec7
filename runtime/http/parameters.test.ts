import { describe, expect, it } from 'vitest';
import { refusal } from '../fixtures/refusal.ts';
import { chatRequestSchema, type ChatRequest } from '@qwenfleet/core/openai/request';
import { fakeModel } from '../fixtures/served.ts';
import type { SamplingDefaults, ServedGenerator } from '../served-model.ts';
import { generationsOf, samplingOf, stopsOf, type Asked } from './parameters.ts';

const defaults: SamplingDefaults = { temperature: 0.7, topP: 0.8, topK: 20, minP: 0.05, repetitionPenalty: 1.1 };
const model = fakeModel().loaded.served as ServedGenerator;
const request = (fields: object = {}): ChatRequest =>
  chatRequestSchema.parse({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...fields });

const asked = (fields: object = {}, changes: Partial<Asked> = {}): Asked => ({
  id: 'chatcmpl-1',
  request: request(fields),
  model,
  promptTokens: [1, 2, 3],
  promptParam: 'messages',
  topLogprobs: undefined,
  promptLogprobs: false,
  seed: 100,
  signal: new AbortController().signal,
  ...changes,
});

describe('how tokens are drawn', () => {
  it('is what the model’s makers recommend where the request is silent', () => {
    expect(samplingOf(request(), defaults, 9)).toEqual({
      ...defaults,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: new Map(),
      seed: 9,
    });
  });

  it.each<[string, object, object]>([
    ['greedy', { temperature: 0 }, { temperature: 0 }],
    ['all tokens', { top_p: 1, top_k: 0, min_p: 0 }, { topP: 1, topK: 0, minP: 0 }],
    ['penalties', { presence_penalty: -1, frequency_penalty: 2 }, { presencePenalty: -1, frequencyPenalty: 2 }],
    ['a repetition penalty', { repetition_penalty: 1 }, { repetitionPenalty: 1 }],
    ['a seed of nought', { seed: 0 }, { seed: 0 }],
    [
      'biases',
      { logit_bias: { 5: -100, 0: 3 } },
      {
        logitBias: new Map([
          [0, 3],
          [5, -100],
        ]),
      },
    ],
    ['null as silence', { temperature: null, seed: null, logit_bias: null }, { temperature: 0.7, seed: 9 }],
  ])('is what the request says: %s', (_name, fields, wanted) => {
    expect(samplingOf(request(fields), defaults, 9)).toMatchObject(wanted);
  });

  it.each(['x', '', ' 5', '1e2', '0x10', '-1', '1.5', '99999999999'])(
    'has no bias on %j, which is no token',
    (token) => {
      const error = refusal(() => samplingOf(request({ logit_bias: { [token]: 1 } }), defaults, 9));
      expect(error).toMatchObject({ code: 'invalid_request', param: 'logit_bias' });
      expect(error.message).toContain(`"${token}"`);
    },
  );

  it('has at most a thousand biases, for each costs time at every token', () => {
    const biases = (count: number): object => ({
      logit_bias: Object.fromEntries(Array.from({ length: count }, (_, token) => [token, 1])),
    });
    expect(samplingOf(request(biases(1_024)), defaults, 9).logitBias.size).toBe(1_024);
    expect(refusal(() => samplingOf(request(biases(1_025)), defaults, 9)).message).toContain('1025');
  });
});

describe('the generations of a request', () => {
  it('are one for each choice, with seeds of their own', () => {
    const generations = generationsOf(asked({ n: 3, seed: 7 }));
    expect(generations.map(({ id }) => id)).toEqual(['chatcmpl-1-0', 'chatcmpl-1-1', 'chatcmpl-1-2']);
    expect(generations.map(({ sampling }) => sampling.seed)).toEqual([7, 8, 9]);
  });

  it.each([2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 32 - 1, -1])('differ with the seed %d too', (seed) => {
    const seeds = generationsOf(asked({ n: 8, seed })).map(({ sampling }) => sampling.seed >>> 0);
    expect(new Set(seeds).size).toBe(8);
    expect(seeds[0]).toBe(seed >>> 0);
  });

  it('end at the tokens that end an answer, and at the request’s own limit', () => {
    const [generation] = generationsOf(asked({ max_tokens: 5, max_completion_tokens: 6 }));
    expect(generation).toMatchObject({ maxTokens: 6, stopTokens: new Set([27]) });
    expect(generation).not.toHaveProperty('topLogprobs');
  });

  it('have no limit but the context when the request has none', () => {
    expect(generationsOf(asked())[0]?.maxTokens).toBeGreaterThan(model.contextLength);
  });

  const long = (length: number): number[] => Array.from({ length }, () => 1);
  it.each<[string, object, number, string, RegExp]>([
    ['no room at all', {}, 200, 'messages', /200 tokens.*holds 200.*Shorten the messages/],
    [
      'less room than was asked for',
      { max_tokens: 11 },
      190,
      'max_tokens',
      /max_tokens asks for 11.*Ask for 10 or fewer/,
    ],
  ])('are refused with %s, in numbers', (_name, fields, length, param, words) => {
    const error = refusal(() => generationsOf(asked(fields, { promptTokens: long(length) })));
    expect(error).toMatchObject({ code: 'context_length_exceeded', param });
    expect(error.message).toMatch(words);
  });

  it.each(['messages', 'prompt'] as const)('name the field that is at fault: %s', (promptParam) => {
    expect(refusal(() => generationsOf(asked({}, { promptTokens: long(500), promptParam })))).toMatchObject({
      param: promptParam,
    });
    expect(refusal(() => generationsOf(asked({}, { promptTokens: [], promptParam })))).toMatchObject({
      code: 'invalid_request',
      param: promptParam,
    });
  });

  it('fit exactly', () => {
    expect(generationsOf(asked({ max_tokens: 10 }, { promptTokens: long(190) }))).toHaveLength(1);
    expect(generationsOf(asked({}, { promptTokens: long(199) }))).toHaveLength(1);
  });
});

describe('stop strings', () => {
  it.each<[unknown, string[]]>([
    [undefined, []],
    [null, []],
    ['END', ['END']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [[], []],
  ])('given as %j are %j', (stop, wanted) => {
    expect(stopsOf(request(stop === undefined ? {} : { stop }))).toEqual(wanted);
  });

  it('are of a length that can be looked for at every token', () => {
    expect(stopsOf(request({ stop: 'x'.repeat(1_024) }))).toHaveLength(1);
    expect(refusal(() => stopsOf(request({ stop: ['a', 'x'.repeat(1_025)] })))).toMatchObject({
      code: 'invalid_request',
      param: 'stop',
    });
  });
});
