import OpenAI from 'openai';
import { byteTokenizer, bytesAsTokens, control } from '@qwenfleet/runtime/fixtures/byte-tokenizer';
import { fromLoopback, serve } from '@qwenfleet/runtime/fixtures/served';
import { describe, expect, it } from 'vitest';

const hermes = '{% for m in messages %}{{ m.content }}{% endfor %}{# <tool_call> #}:';
const xml = `${hermes}{# <function= #}`;

/** OpenAI's own client on a runtime whose model answers a certain text. */
async function clientOf(answer: string, template = hermes): Promise<OpenAI> {
  const tokenizer = byteTokenizer();
  const tokens = [...bytesAsTokens(answer), control.end];
  const prompt = bytesAsTokens('go:').length;
  const next = (sequence: readonly number[]): number | undefined => tokens[sequence.length - prompt];
  const { app } = await serve({ tokenizer, template, next, slotTokens: 2_000 });
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://runtime/v1',
    maxRetries: 0,
    fetch: async (url, init) => app.request(new Request(url, init), {}, fromLoopback),
  });
}

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
  },
};
const request = {
  model: 'tiny',
  messages: [{ role: 'user' as const, content: 'go' }],
  tools: [weather],
};
const call = (city: string): string =>
  `<tool_call>\n{"name": "get_weather", "arguments": {"city": "${city}"}}\n</tool_call>`;

describe('a function that the model calls', () => {
  it.each<[string, string, string]>([
    ['in JSON', call('Bern'), hermes],
    [
      'in XML',
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nBern\n</parameter>\n</function>\n</tool_call>',
      xml,
    ],
  ])('%s reaches OpenAI’s client, whole and streamed', async (_name, answer, template) => {
    const client = await clientOf(`Let me look.\n${answer}`, template);
    const whole = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      expect(choices[0]?.message.content).toBe('Let me look.');
      expect(choices[0]?.message.tool_calls).toMatchObject([
        { type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bern"}' } },
      ]);
    }
  });

  it('runs in the client’s own loop, and what it gave comes back to the model', async () => {
    const client = await clientOf(call('Bern'));
    const asked: unknown[] = [];
    const runner = client.chat.completions.runTools(
      {
        ...request,
        tools: [
          {
            ...weather,
            function: {
              ...weather.function,
              parse: JSON.parse as (text: string) => object,
              function: (values: object) => {
                asked.push(values);
                return 'rain';
              },
            },
          },
        ],
      },
      { maxChatCompletions: 1 },
    );
    await runner.done();
    expect(asked).toEqual([{ city: 'Bern' }]);
    expect(runner.messages.at(-1)).toMatchObject({ role: 'tool', content: 'rain' });
  });

  it('several at once keep their order, and have names of their own', async () => {
    const client = await clientOf(`${call('Bern')}\n${call('Oslo')}`);
    const { choices } = await client.chat.completions.stream(request).finalChatCompletion();
    const calls = choices[0]?.message.tool_calls ?? [];
    expect(calls.map((each) => each.type === 'function' && each.function.arguments)).toEqual([
      '{"city":"Bern"}',
      '{"city":"Oslo"}',
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(choices[0]?.message.content ?? '').toBe('');
  });

  it('is the only one where several are not wanted', async () => {
    const client = await clientOf(`${call('Bern')}\n${call('Oslo')}`);
    const { choices } = await client.chat.completions.create({ ...request, parallel_tool_calls: false });
    expect(choices[0]?.message.tool_calls).toHaveLength(1);
    expect(choices[0]?.finish_reason).toBe('tool_calls');
  });

  it('comes in deltas as clients put them together: the name first, an index on each, never an empty list', async () => {
    const client = await clientOf(`x ${call('Bern')}`);
    const deltas = [];
    for await (const { choices } of await client.chat.completions.create({ ...request, stream: true }))
      deltas.push(...choices);
    const calls = deltas.flatMap(({ delta }) => ('tool_calls' in delta ? [delta.tool_calls] : []));
    expect(calls).toMatchObject([
      [{ index: 0, id: expect.any(String), type: 'function', function: { name: 'get_weather', arguments: '' } }],
      [{ index: 0, function: { arguments: '{"city":"Bern"}' } }],
    ]);
    expect(deltas.at(-1)).toMatchObject({ delta: {}, finish_reason: 'tool_calls' });
  });
});

describe('what only looks like a call', () => {
  it.each([
    ['of a function that nobody offered', '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'],
    ['that is no JSON', '<tool_call>get_weather(Bern)</tool_call>'],
    ['when no functions were offered', call('Bern')],
  ])('%s stays text', async (name, answer) => {
    const client = await clientOf(answer);
    const { tools, ...bare } = request;
    const asked = name.includes('no functions') ? bare : { ...bare, tools };
    for (const stream of [false, true]) {
      const { choices } = stream
        ? await client.chat.completions.stream(asked).finalChatCompletion()
        : await client.chat.completions.create(asked);
      expect(choices[0]?.message.content).toBe(answer);
      expect(choices[0]?.message.tool_calls ?? []).toEqual([]);
      expect(choices[0]?.finish_reason).toBe('stop');
    }
  });

  it('because the answer was cut stays text', async () => {
    const client = await clientOf(call('Bern'));
    const { choices } = await client.chat.completions.create({ ...request, max_tokens: 30 });
    expect(choices[0]?.message.content).toBe(call('Bern').slice(0, 30));
    expect(choices[0]?.finish_reason).toBe('length');
  });
});
