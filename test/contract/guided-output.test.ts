import OpenAI from 'openai';
import { byteTokenizer } from '@qwenfleet/runtime/fixtures/byte-tokenizer';
import { fromLoopback, serve, type ServeOptions } from '@qwenfleet/runtime/fixtures/served';
import { describe, expect, it } from 'vitest';

/** OpenAI's own client on a runtime whose model has no sense at all: whatever is right in an answer, the guide made it. */
async function clientOf(options: ServeOptions = {}): Promise<OpenAI> {
  const { app } = await serve({ tokenizer: byteTokenizer(), slotTokens: 4_000, ...options });
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://runtime/v1',
    maxRetries: 0,
    fetch: async (url, init) => app.request(new Request(url, init), {}, fromLoopback),
  });
}

const messages = [{ role: 'user' as const, content: 'go' }];
const request = { model: 'tiny', messages, temperature: 1, seed: 11 };
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 8 },
    age: { type: 'integer', minimum: 1, maximum: 130 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 3 },
  },
  required: ['name', 'age', 'tags'],
  additionalProperties: false,
};
const person = {
  name: expect.stringMatching(/^.{0,8}$/u),
  age: expect.toSatisfy((age: number) => Number.isInteger(age) && age >= 1 && age <= 130),
  tags: expect.toSatisfy((tags: string[]) => tags.length > 0 && tags.every((tag) => 'ab'.includes(tag))),
};
const format = { type: 'json_schema' as const, json_schema: { name: 'person', strict: true, schema } };
const tools = [
  { type: 'function' as const, function: { name: 'save', parameters: schema } },
  { type: 'function' as const, function: { name: 'stop', parameters: { type: 'object', properties: {} } } },
];

describe('an answer of a model without any sense', () => {
  it('follows a JSON schema, whole and streamed, and ends with it', async () => {
    const client = await clientOf();
    for (let seed = 0; seed < 8; seed += 1) {
      const asked = { ...request, seed, response_format: format };
      const whole = await client.chat.completions.create(asked);
      expect(whole.choices[0]?.finish_reason).toBe('stop');
      expect(JSON.parse(whole.choices[0]?.message.content ?? '')).toEqual(person);
      const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
      expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
    }
  });

  it('is what OpenAI’s client parses', async () => {
    const client = await clientOf();
    const { choices } = await client.chat.completions.parse({ ...request, response_format: format });
    expect(choices[0]?.message.parsed).toEqual(person);
  });

  it('follows it greedily, too, and for each of several choices', async () => {
    const client = await clientOf();
    for (const temperature of [0, 1]) {
      const { choices } = await client.chat.completions.create({
        ...request,
        temperature,
        n: 3,
        response_format: format,
      });
      for (const { message } of choices) expect(JSON.parse(message.content ?? '')).toEqual(person);
    }
  });

  it.each<[string, object, RegExp]>([
    ['a pattern', { guided_regex: '[a-f]{4}-\\d{2}' }, /^[a-f]{4}-\d{2}$/],
    ['a choice', { structured_outputs: { choice: ['red', 'green', '蓝'] } }, /^(red|green|蓝)$/],
    ['a schema in vLLM’s form', { guided_json: { type: 'boolean' } }, /^(true|false)$/],
  ])('follows %s, in chats and completions', async (_name, fields, wanted) => {
    const client = await clientOf();
    const chat = await client.chat.completions.create({ ...request, ...fields });
    expect(chat.choices[0]?.message.content).toMatch(wanted);
    const text = await client.completions.create({
      model: 'tiny',
      prompt: 'go',
      max_tokens: 50,
      temperature: 1,
      ...fields,
    });
    expect(text.choices[0]?.text).toMatch(wanted);
  });

  it('calls a function when it must, with arguments that follow the schema', async () => {
    const client = await clientOf();
    for (let seed = 0; seed < 6; seed += 1) {
      const { choices } = await client.chat.completions.create({
        ...request,
        seed,
        tools,
        tool_choice: 'required',
        parallel_tool_calls: false,
      });
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      const [call] = choices[0]?.message.tool_calls ?? [];
      const called = call?.type === 'function' ? call.function : undefined;
      expect(JSON.parse(called?.arguments ?? '')).toEqual(called?.name === 'save' ? person : {});
    }
  });

  it('calls the function that it is told to, in XML where that is its way', async () => {
    for (const template of [
      '{{ messages[0].content }}{# <tool_call> #}',
      '{{ messages[0].content }}{# <function= #}',
    ]) {
      const client = await clientOf({ template });
      const simple = {
        type: 'object',
        properties: { age: schema.properties.age, unit: { enum: ['C', 'F'] } },
        required: ['age', 'unit'],
      };
      const { choices } = await client.chat.completions.create({
        ...request,
        tools: [...tools, { type: 'function', function: { name: 'measure', parameters: simple } }],
        tool_choice: { type: 'function', function: { name: 'measure' } },
      });
      const calls = choices[0]?.message.tool_calls ?? [];
      expect(calls).toHaveLength(1);
      expect(calls[0]).toMatchObject({ function: { name: 'measure' } });
      const text = calls[0]?.type === 'function' ? calls[0].function.arguments : '';
      expect(JSON.parse(text)).toEqual({ age: person.age, unit: expect.stringMatching(/^[CF]$/) });
    }
  });

  it('keeps to the schema behind its thoughts, however it came to think', async () => {
    const tokenizer = byteTokenizer();
    const thought = [...Buffer.from('<think>hm, {1}</think>\n')].map((byte) => byte + 3);
    for (const begun of [false, true]) {
      const template = `{{ messages[0].content }}{# <think> #}${begun ? '<think>{{ "\\n" }}' : ''}`;
      const prompt = tokenizer.encode(begun ? 'go<think>\n' : 'go', true).length;
      const said = begun ? thought.slice('<think>'.length) : thought;
      const next = (sequence: readonly number[]): number | undefined => said[sequence.length - prompt];
      const client = await clientOf({ template, next, tokenizer });
      const { choices } = await client.chat.completions.create({ ...request, temperature: 0, response_format: format });
      expect(choices[0]?.message).toMatchObject({ reasoning_content: 'hm, {1}' });
      expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual(person);
    }
  });

  it('may be cut, and then says so', async () => {
    const client = await clientOf();
    const { choices } = await client.chat.completions.create({ ...request, max_tokens: 5, response_format: format });
    expect(choices[0]?.finish_reason).toBe('length');
    expect(choices[0]?.message.content).toMatch(/^\{/);
  });
});

describe('a guide that cannot be kept', () => {
  it('is refused before anything is computed, with its field and place', async () => {
    const { send, generator } = await serve({ tokenizer: byteTokenizer() });
    const response_format = {
      type: 'json_schema',
      json_schema: { name: 'x', schema: { properties: { a: { not: {} } } } },
    };
    const response = await send('/v1/chat/completions', { model: 'tiny', messages, response_format });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { param: string; message: string } };
    expect(error.param).toBe('response_format.json_schema.schema');
    expect(error.message).toMatch(/#\/properties\/a.*"not"/);
    expect(generator.steps).toBe(0);
  });

  it('because it turns out too ambiguous ends its own answer only', async () => {
    const { send, engine } = await serve({ tokenizer: byteTokenizer(), slotTokens: 8_000, slots: 2 });
    const plain = {
      model: 'tiny',
      messages,
      max_tokens: 300,
      temperature: 1,
      seed: 5,
      logit_bias: { 2: -100, 0: -100 },
    };
    const beside = send('/v1/chat/completions', plain);
    const hostile = {
      ...plain,
      max_tokens: 7_000,
      logit_bias: { ...plain.logit_bias, 100: 50 },
      guided_regex: '(.*a.{0,6000}){2}',
    };
    const response = await send('/v1/chat/completions', hostile);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'guided_regex' } });
    expect((await beside).status).toBe(200);
    await expect.poll(() => engine.stats()).toMatchObject({ running: 0, queued: 0 });
  });
});
