import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startRouter, until, type TestRouter } from '../harness/router.ts';
import {
  answers,
  beginStream,
  chunk,
  completes,
  completion,
  serveUpstream,
  type Upstream,
} from '../harness/upstream.ts';

let router: TestRouter;
let upstream: Upstream;
let client: OpenAI;
beforeAll(async () => {
  upstream = await serveUpstream();
  router = await startRouter([{ servers: [upstream.url] }]);
  client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterEach(() => upstream.script(completes()));
afterAll(async () => {
  await router.close();
  await upstream.close();
});

const asked = (): Record<string, unknown> => JSON.parse(upstream.calls.at(-1)?.text ?? '{}') as Record<string, unknown>;
const weather = { type: 'function' as const, name: 'weather', parameters: { type: 'object' }, strict: true };

describe('a response', () => {
  it('is a chat’s answer in the shape that the official client reads', async () => {
    const { data, response } = await client.responses.create({ model: 'auto', input: 'Hello' }).withResponse();
    expect(data.output_text).toBe('Hello.');
    expect(data).toMatchObject({
      object: 'response',
      status: 'completed',
      error: null,
      incomplete_details: null,
      store: false,
      usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7, input_tokens_details: { cached_tokens: 0 } },
    });
    expect(response.headers.get('x-qwenfleet-pool')).toBe('small');
    expect(upstream.calls.at(-1)?.path).toBe('/v1/chat/completions');
    expect(asked()).toEqual({ model: 'up', messages: [{ role: 'user', content: 'Hello' }] });
  });

  it('has the model asked for everything that a chat can say', async () => {
    await client.responses.create({
      model: 'small',
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'Weather?' }] },
        { role: 'assistant', content: 'I look.' },
        { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"at":"Oslo"}' },
        { type: 'function_call', call_id: 'c2', name: 'weather', arguments: '{"at":"Rome"}' },
        { type: 'function_call_output', call_id: 'c1', output: 'rain' },
        { type: 'function_call_output', call_id: 'c2', output: 'sun' },
      ],
      max_output_tokens: 9,
      temperature: 0.5,
      tools: [weather],
      tool_choice: { type: 'function', name: 'weather' },
      text: { format: { type: 'json_schema', name: 'a', schema: { type: 'object' } } },
      reasoning: { effort: 'low' },
    });
    const call = (id: string, at: string) => ({
      id,
      type: 'function',
      function: { name: 'weather', arguments: `{"at":"${at}"}` },
    });
    expect(asked()).toEqual({
      model: 'up',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Weather?' },
        { role: 'assistant', content: 'I look.', tool_calls: [call('c1', 'Oslo'), call('c2', 'Rome')] },
        { role: 'tool', tool_call_id: 'c1', content: 'rain' },
        { role: 'tool', tool_call_id: 'c2', content: 'sun' },
      ],
      max_completion_tokens: 9,
      temperature: 0.5,
      tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' }, strict: true } }],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } },
      reasoning_effort: 'low',
    });
  });

  it('says when it was cut at its limit, what was thought and what is to be called', async () => {
    const message = {
      role: 'assistant',
      content: null,
      reasoning_content: 'Hm.',
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } }],
    };
    upstream.script(answers(200, { ...completion, choices: [{ index: 0, message, finish_reason: 'length' }] }));
    const data = await client.responses.create({ model: 'small', input: 'x', tools: [weather] });
    expect([data.status, data.incomplete_details]).toEqual(['incomplete', { reason: 'max_output_tokens' }]);
    expect(data.output).toMatchObject([
      { type: 'reasoning', content: [{ text: 'Hm.' }] },
      { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{}' },
    ]);
  });
});

describe('a response that is streamed', () => {
  it('comes as the events that the official client puts together', async () => {
    upstream.script(({ response }) => {
      beginStream(response);
      for (const delta of [{ role: 'assistant', content: '' }, { reasoning_content: 'Hm' }, { reasoning_content: '.' }])
        response.write(chunk(delta));
      for (const content of ['Hel', 'lo.']) response.write(chunk({ content }));
      const call = { index: 0, id: 'c1', type: 'function', function: { name: 'weather', arguments: '' } };
      response.write(chunk({ tool_calls: [call] }));
      for (const text of ['{"at"', ':1}'])
        response.write(chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] }));
      response.write(chunk({}, 'tool_calls'));
      const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
      response.end(
        `data: ${JSON.stringify({ id: 'chatcmpl-1', created: 1, model: 'up', choices: [], usage })}\n\ndata: [DONE]\n\n`,
      );
    });
    const stream = client.responses.stream({ model: 'small', input: 'x', tools: [weather] });
    const seen: string[] = [];
    const numbers: number[] = [];
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      if (seen.at(-1) !== event.type) seen.push(event.type);
    }
    expect(seen).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(numbers).toEqual(numbers.map((_, at) => at));
    const final = await stream.finalResponse();
    expect(final.output_text).toBe('Hello.');
    expect(final.output).toMatchObject([
      { type: 'reasoning', content: [{ text: 'Hm.' }] },
      { type: 'message', status: 'completed' },
      { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"at":1}' },
    ]);
    expect(final.usage).toMatchObject({ input_tokens: 5, output_tokens: 2, total_tokens: 7 });
    expect(asked()).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it.each<[string, string]>([
    ['breaks off', ''],
    ['becomes garbage', 'data: {"choices":5}\n\ndata: [DONE]\n\n'],
    [
      'is ended by its server with an error',
      'data: {"error":{"message":"no","type":"x","param":null,"code":"oom"}}\n\ndata: [DONE]\n\n',
    ],
  ])('and %s fails in a way that a plain loop notices', async (_name, end) => {
    upstream.script(({ response }) => {
      beginStream(response);
      response.end(chunk({ content: 'a' }) + end);
    });
    const types: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const { type } of await client.responses.create({ model: 'small', input: 'x', stream: true }))
        types.push(type);
    };
    await expect(loop()).rejects.toBeInstanceOf(OpenAI.APIError);
    expect(types.at(-1)).toBe('response.failed');
  });

  it('is ended at the pool when its client leaves', async () => {
    upstream.script(({ response }) => {
      beginStream(response);
      response.write(chunk({ content: 'a' }));
    });
    const stream = await client.responses.create({ model: 'small', input: 'x', stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    await until(() => upstream.running() === 0);
    await until(() => router.service.openAnswers === 0);
  });
});

describe('a response that cannot be', () => {
  it.each<[object, string, string]>([
    [{ input: undefined }, 'invalid_request', 'input'],
    [{ input: [] }, 'invalid_request', 'input'],
    [{ input: [{ type: 'computer_call' }] }, 'invalid_request', 'input[0].type'],
    [{ input: [{ content: 'x' }] }, 'invalid_request', 'input[0].role'],
    [{ previous_response_id: 'resp_1' }, 'unsupported', 'previous_response_id'],
    [{ background: true }, 'unsupported', 'background'],
    [{ tools: [{ type: 'web_search' }] }, 'unsupported', 'tools[0].type'],
    [{ max_output_tokens: 0 }, 'invalid_request', 'max_output_tokens'],
  ])('%j is refused by name', async (fields, code, param) => {
    const before = upstream.calls.length;
    const answer = await router.post('/v1/responses', { model: 'small', input: 'x', ...fields });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code, param } }]);
    expect(upstream.calls.length).toBe(before);
  });

  it('for a model that is not served, or a server that fails, is told as for a chat', async () => {
    await expect(client.responses.create({ model: 'gpt', input: 'x' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    upstream.script(answers(400, { error: { message: 'too long', type: 'x', param: 'messages', code: 'y' } }));
    await expect(client.responses.create({ model: 'small', input: 'x' })).rejects.toThrow(/too long/);
  });
});
