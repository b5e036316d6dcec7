import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRuntime, type RunningRuntime } from '../harness/runtime-process.ts';
import { demoWeights } from '../harness/small-pool.ts';
import { homedir } from 'node:os';
import path from 'node:path';

const city = {
  type: 'object',
  properties: {
    city: { type: 'string', maxLength: 30 },
    country: { type: 'string', maxLength: 30 },
    million_people: { type: 'number', minimum: 0, maximum: 50 },
  },
  required: ['city', 'country', 'million_people'],
  additionalProperties: false,
};

describe('a small real model', () => {
  let runtime: RunningRuntime;
  let client: OpenAI;
  beforeAll(async () => {
    const config = {
      model: { uri: demoWeights },
      quantization: 'int8',
      engine: { slots: 8, contextLength: 2048, threads: 2 },
    };
    runtime = await startRuntime(config, { cacheDir: path.join(homedir(), '.cache/qwenfleet') });
    client = new OpenAI({ baseURL: `${runtime.url}/v1`, apiKey: 'none' });
  });
  afterAll(() => runtime.dispose());

  const ask = (content: string, fields: object = {}): Promise<OpenAI.ChatCompletion> =>
    client.chat.completions.create({
      model: 'tiny',
      messages: [{ role: 'user', content }],
      temperature: 0,
      max_tokens: 200,
      ...fields,
    });

  it('writes what a schema asks for, every time', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 'city', strict: true, schema: city } };
    for (const name of ['Paris', 'Tokyo', 'Nairobi']) {
      const { choices } = await ask(`Describe ${name} as JSON.`, { response_format, temperature: 0.7, seed: 3 });
      const value = JSON.parse(choices[0]?.message.content ?? '') as Record<string, unknown>;
      expect(Object.keys(value)).toEqual(['city', 'country', 'million_people']);
      expect(choices[0]?.finish_reason).toBe('stop');
    }
  });

  it('chooses among what it may', async () => {
    const guided_choice = ['yes, it is', 'no, it is not'];
    const { choices } = await ask('Is Paris the capital of France?', { guided_choice });
    expect(guided_choice).toContain(choices[0]?.message.content);
  });

  it('calls a function that it has to', async () => {
    const parameters = {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 30 } },
      required: ['city'],
      additionalProperties: false,
    };
    const tools = [
      {
        type: 'function',
        function: { name: 'get_weather', description: 'The weather of a city', parameters, strict: true },
      },
    ];
    const { choices } = await ask('What is the weather in Paris?', {
      tools,
      tool_choice: 'required',
      parallel_tool_calls: false,
    });
    const [call] = choices[0]?.message.tool_calls ?? [];
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({
      city: expect.stringMatching(/Paris/),
    });
  });
});
