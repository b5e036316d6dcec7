import { describe, expect, it } from 'vitest';
import { chat, eventsOf, fakeModel, letterTokenizer, metricOf, serve, type Served } from '../fixtures/served.ts';
import { byteTokenizer } from '../fixtures/byte-tokenizer.ts';

type Choice = {
  index: number;
  message: { role: string; content: string; reasoning_content?: string; refusal: null };
  logprobs: { content: { token: string; bytes: number[]; logprob: number; top_logprobs: object[] }[] } | null;
  finish_reason: string;
};
type Completion = { id: string; object: string; created: number; model: string; choices: Choice[]; usage: Usage };
type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
};
type Chunk = {
  id: string;
  model: string;
  created: number;
  choices: {
    index: number;
    delta: { role?: string; content?: string; reasoning_content?: string };
    logprobs: Choice['logprobs'];
    finish_reason: string | null;
  }[];
  usage?: Usage | null;
};

const path = '/v1/chat/completions';

async function whole(fields: object = {}, served = serve()): Promise<Completion> {
  const response = await (await served).send(path, chat(fields));
  expect(response.status).toBe(200);
  return (await response.json()) as Completion;
}

async function streamed(fields: object = {}, served = serve()): Promise<Chunk[]> {
  const response = await (await served).send(path, chat({ ...fields, stream: true }));
  expect(response.status).toBe(200);
  return (await eventsOf(response)) as Chunk[];
}

/** What a client puts together of a stream, for one choice. */
function assembled(
  chunks: readonly Chunk[],
  index = 0,
): { content: string; reasoning: string; roles: string[]; finish: string[] } {
  const choices = chunks.flatMap((chunk) => chunk.choices.filter((choice) => choice.index === index));
  return {
    content: choices.map(({ delta }) => delta.content ?? '').join(''),
    reasoning: choices.map(({ delta }) => delta.reasoning_content ?? '').join(''),
    roles: choices.flatMap(({ delta }) => delta.role ?? []),
    finish: choices.flatMap(({ finish_reason: reason }) => reason ?? []),
  };
}

describe('usage', () => {
  it('counts the prompt once and every choice’s tokens', async () => {
    const { usage } = await whole({ n: 3, temperature: 1, seed: 1, max_tokens: 7, stop: undefined });
    expect(usage.prompt_tokens).toBe('hello there'.length);
    expect(usage.completion_tokens).toBeLessThanOrEqual(21);
    expect(usage.completion_tokens).toBeGreaterThan(0);
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
    expect(usage.prompt_tokens_details.cached_tokens).toBe(0);
  });

  it('is what the engine counts', async () => {
    const served = await serve();
    const { usage } = await whole({}, Promise.resolve(served));
    expect(await metricOf(served, 'qwenfleet_runtime_tokens_total{type="completion"}')).toBe(usage.completion_tokens);
    expect(await metricOf(served, 'qwenfleet_runtime_tokens_total{type="prompt"}')).toBe(usage.prompt_tokens);
  });

  it('comes in a last chunk of its own when it is asked for, and is null before', async () => {
    const chunks = await streamed({ stream_options: { include_usage: true } });
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(0);
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull();
  });

  it('is in no chunk otherwise', async () => {
    for (const chunk of await streamed()) expect(chunk).not.toHaveProperty('usage');
  });

  it('is the same, streamed and whole', async () => {
    const fields = { n: 2, temperature: 1, seed: 4, stream_options: { include_usage: true } };
    expect((await streamed(fields)).at(-1)?.usage).toEqual((await whole(fields)).usage);
  });
});

describe('choices', () => {
  it('streamed together are each what they are whole: a role first, a finish reason last', async () => {
    const fields = { n: 3, temperature: 1, seed: 5 };
    const { choices } = await whole(fields);
    const chunks = await streamed(fields);
    for (const { index, message, finish_reason: reason } of choices) {
      const own = assembled(chunks, index);
      expect(own).toEqual({ content: message.content, reasoning: '', roles: ['assistant'], finish: [reason] });
      const first = chunks.find((chunk) => chunk.choices[0]?.index === index);
      expect(first?.choices[0]?.delta.role).toBe('assistant');
    }
  });

  it('keep one name, time and model over all chunks', async () => {
    const chunks = await streamed({ n: 2, temperature: 1, model: 'auto' });
    for (const field of ['id', 'created', 'model'] as const)
      expect(new Set(chunks.map((chunk) => chunk[field])).size).toBe(1);
    expect(chunks[0]?.id).toMatch(/^chatcmpl-[0-9a-f]{32}$/);
    expect(chunks[0]?.model).toBe('auto');
  });

  it('more than there are slots wait for each other', async () => {
    const { choices } = await whole({ n: 8, temperature: 1, seed: 2 }, serve({ slots: 2 }));
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('that do not all fit the queue are refused together, and leave no slot behind', async () => {
    const served = await serve({ slots: 1, queueMax: 2 });
    const response = await served.send(path, chat({ n: 8 }));
    expect(response.status).toBe(429);
    await expect.poll(() => served.engine.stats()).toMatchObject({ running: 0, queued: 0 });
    expect(served.service.report().requests).toBe(0);
  });

  it('of which one fails fail at once, though others wait for a slot', async () => {
    const served = await serve({ slots: 1, stepMs: () => 1, failsAt: (step) => step === 2 });
    const response = await served.send(path, chat({ n: 2, max_tokens: 100 }));
    expect(response.status).toBe(500);
    await expect.poll(() => served.engine.stats()).toMatchObject({ running: 0, queued: 0 });
    // The second one gave its place in the queue up: it never had a slot.
    expect(served.generator.steps).toBeLessThanOrEqual(4);
  });
});

describe('an answer', () => {
  it('that stops is told from one that was cut', async () => {
    const { choices } = await whole({ max_tokens: 3 });
    expect(choices[0]?.finish_reason).toBe('length');
    const stop = choices[0]?.message.content.slice(1, 2) ?? '';
    expect((await whole({ max_tokens: 3, stop })).choices[0]?.finish_reason).toBe('stop');
  });

  it('of one token is an answer', async () => {
    const { choices, usage } = await whole({ max_tokens: 1 });
    expect(choices[0]?.message.content).toHaveLength(1);
    expect(usage.completion_tokens).toBe(1);
  });

  it('is the newer name of the limit’s, when both are given', async () => {
    expect((await whole({ max_tokens: 9, max_completion_tokens: 2 })).usage.completion_tokens).toBe(2);
  });

  it('is bent by what the request asks for', async () => {
    const banned = Object.fromEntries(Array.from({ length: 28 }, (_, token) => [token, token === 3 ? 0 : -100]));
    expect((await whole({ logit_bias: banned, max_tokens: 4 })).choices[0]?.message.content).toBe('dddd');
  });
});

describe('log-probabilities of a chat', () => {
  it('streamed are those of the whole answer, in the same order', async () => {
    const fields = { logprobs: true, top_logprobs: 2, stop: ['zz'] };
    const { choices } = await whole(fields);
    const chunks = await streamed(fields);
    const parts = chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? []);
    expect(parts).toEqual(choices[0]?.logprobs?.content);
  });

  it('end where a stop string cut the text', async () => {
    const text = (await whole()).choices[0]?.message.content ?? '';
    const { choices } = await whole({ logprobs: true, stop: text.slice(4, 7) });
    const [choice] = choices;
    expect(choice?.logprobs?.content.map(({ token }) => token).join('')).toBe(choice?.message.content);
    expect(choice?.message.content).toBe(text.slice(0, text.indexOf(text.slice(4, 7))));
  });

  it('are null when nobody asked, in every chunk', async () => {
    expect((await whole()).choices[0]?.logprobs).toBeNull();
    for (const { choices } of await streamed()) for (const { logprobs } of choices) expect(logprobs).toBeNull();
  });
});

describe('a request that the model cannot take', () => {
  it.each<[string, object, object, string, RegExp]>([
    ['without a template', { template: null }, {}, 'unsupported', /POST \/v1\/completions/],
    [
      'whose template refuses it',
      { template: "{{ raise_exception('no system here') }}" },
      {},
      'invalid_request',
      /no system here/,
    ],
    ['with no text at all', {}, { messages: [{ role: 'user', content: '' }] }, 'invalid_request', /no text/],
    ['with tools that are none', {}, { tools: [{ type: 'function' }] }, 'invalid_request', /tools\[0\]\.function/],
    [
      'with a schema that is missing',
      {},
      { response_format: { type: 'json_schema' } },
      'invalid_request',
      /schema: it is missing/,
    ],
    [
      'with a picture in it',
      {},
      {
        messages: [
          { role: 'system', content: [{ type: 'text', text: 'Look.' }] },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is it?' },
              { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
            ],
          },
        ],
      },
      'unsupported',
      /messages\[1\]\.content\[1\].*images.*image_url/,
    ],
    ['with an endless stop string', {}, { stop: 'x'.repeat(5_000) }, 'invalid_request', /stop/],
  ])('%s is told so', async (_name, options, fields, code, words) => {
    const served = await serve(options);
    const response = await served.send(path, chat(fields));
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    expect(served.service.report().requests).toBe(0);
  });

  it.each([
    ['tools that may not be used', { tools: [{ type: 'function' }], tool_choice: 'none' }],
    ['no tools', { tools: [] }],
    ['text for an answer', { response_format: { type: 'text' } }],
    ['fields that nobody knows', { speculative_mood: 'high', user: 'u', metadata: { a: 1 } }],
  ])('is not one with %s', async (_name, fields) => {
    expect((await whole(fields)).choices).toHaveLength(1);
  });
});

describe('text of several bytes', () => {
  it('never arrives in halves', async () => {
    const tokenizer = byteTokenizer();
    const served = serve({ tokenizer, vocabularySize: tokenizer.vocabularySize, slotTokens: 400 });
    const chunks = await streamed(
      { temperature: 2, seed: 3, max_tokens: 300, logit_bias: { 0: -100, 2: -100 } },
      served,
    );
    const { content } = assembled(chunks);
    expect(content.isWellFormed()).toBe(true);
    for (const { choices } of chunks) expect(choices[0]?.delta.content?.isWellFormed() ?? true).toBe(true);
  });
});

it('a model of a test has a template unless it is taken away', () => {
  expect(fakeModel().loaded.served).toHaveProperty('template', expect.anything());
  expect(fakeModel({ template: null }).loaded.served).toHaveProperty('template', undefined);
});

describe('a prompt that begins like an earlier one', () => {
  it('is told of in the usage, whole, streamed and stopped, and counted', async () => {
    const served = await serve();
    const messages = [{ role: 'user', content: 'the beginning of a long conversation' }];
    const first = await whole({ messages }, Promise.resolve(served));
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    const stop = first.choices[0]?.message.content.slice(2, 4) ?? '';
    const again = await whole({ messages, stop }, Promise.resolve(served));
    const chunks = await streamed({ messages, stream_options: { include_usage: true } }, Promise.resolve(served));
    expect(again.usage.prompt_tokens_details.cached_tokens).toBe(32);
    expect(chunks.at(-1)?.usage?.prompt_tokens_details.cached_tokens).toBe(32);
    expect(assembled(chunks).content).toBe(first.choices[0]?.message.content);
    expect(await metricOf(served, 'qwenfleet_runtime_prefix_cache_tokens_total{result="hit"}')).toBe(64);
    const misses = 3 * first.usage.prompt_tokens - 64;
    expect(await metricOf(served, 'qwenfleet_runtime_prefix_cache_tokens_total{result="miss"}')).toBe(misses);
    expect(await metricOf(served, 'qwenfleet_runtime_time_to_first_token_seconds_count')).toBe(3);
    expect(await metricOf(served, 'qwenfleet_runtime_time_per_output_token_seconds_count')).toBe(3);
  });
});

describe('an answer that was guessed', () => {
  const text = 'abcdefgh ';
  const serving = (maxDraftTokens: number): Promise<Served> =>
    serve({
      next: (tokens) => letterTokenizer.encode(text, false)[tokens.length % text.length],
      ...(maxDraftTokens > 0 ? { drafts: { tokensMax: maxDraftTokens, cost: { fixed: 1, perToken: 0 } } } : {}),
    });
  const messages = [{ role: 'user', content: text.repeat(3) }];

  it('ends at a stop text in the middle of guesses as any other, and is counted', async () => {
    const [plain, guessed] = [await serving(0), await serving(8)];
    for (const stop of ['h a', 'cd', 'fgh']) {
      const [wanted, found] = [
        await whole({ messages, stop }, Promise.resolve(plain)),
        await whole({ messages, stop }, Promise.resolve(guessed)),
      ];
      expect(found.choices).toEqual(wanted.choices);
      expect(found.usage).toEqual(wanted.usage);
    }
    const [wanted, found] = [
      await whole({ messages, max_tokens: 100 }, Promise.resolve(plain)),
      await whole({ messages, max_tokens: 100 }, Promise.resolve(guessed)),
    ];
    expect(found.choices).toEqual(wanted.choices);
    expect(await metricOf(guessed, 'qwenfleet_runtime_spec_decode_accepted_tokens_total')).toBeGreaterThan(50);
    expect(await metricOf(guessed, 'qwenfleet_runtime_spec_decode_draft_tokens_total')).toBeGreaterThan(50);
    expect(await metricOf(plain, 'qwenfleet_runtime_spec_decode_draft_tokens_total')).toBe(0);
  });
});
