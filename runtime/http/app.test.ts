import { ManualClock } from '@qwenfleet/core/clock';
import { describe, expect, it } from 'vitest';
import { chat, eventsOf as events, serve } from '../fixtures/served.ts';

describe('a chat answer', () => {
  it('whole and streamed says the same', async () => {
    const { send } = await serve();
    const whole = (await (await send('/v1/chat/completions', chat())).json()) as {
      choices: { message: { content: string }; finish_reason: string }[];
      usage: object;
    };
    const chunks = await events(
      await send('/v1/chat/completions', chat({ stream: true, stream_options: { include_usage: true } })),
    );
    const deltas = chunks.flatMap(
      (chunk) =>
        (chunk['choices'] as {
          delta: { role?: string; content?: string };
          finish_reason: string | null;
        }[]) ?? [],
    );
    expect(deltas.map(({ delta }) => delta.content ?? '').join('')).toBe(whole.choices[0]?.message.content);
    expect(deltas[0]?.delta.role).toBe('assistant');
    expect(deltas.at(-1)?.finish_reason).toBe(whole.choices[0]?.finish_reason);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    for (const chunk of chunks.slice(0, -1)) expect(chunk['usage']).toBeNull();
    expect(new Set(chunks.map((chunk) => chunk['id'])).size).toBe(1);
  });

  it('carries log-probabilities when they are asked for', async () => {
    const { send } = await serve();
    const answer = (await (await send('/v1/chat/completions', chat({ logprobs: true, top_logprobs: 3 }))).json()) as {
      choices: {
        message: { content: string };
        logprobs: { content: { token: string; logprob: number; top_logprobs: object[] }[] };
      }[];
    };
    const [choice] = answer.choices;
    expect(choice?.logprobs.content.map(({ token }) => token).join('')).toBe(choice?.message.content);
    expect(choice?.logprobs.content.every(({ logprob, top_logprobs: top }) => logprob <= 0 && top.length === 3)).toBe(
      true,
    );
  });

  it('ends before a stop string', async () => {
    const { send } = await serve();
    const full = (await (await send('/v1/chat/completions', chat())).json()) as {
      choices: { message: { content: string } }[];
    };
    const text = full.choices[0]?.message.content ?? '';
    const stop = text.slice(4, 6);
    const cut = (await (await send('/v1/chat/completions', chat({ stop }))).json()) as {
      choices: { message: { content: string }; finish_reason: string }[];
    };
    expect(cut.choices[0]).toMatchObject({
      message: { content: text.slice(0, text.indexOf(stop)) },
      finish_reason: 'stop',
    });
  });

  it('has as many choices as were asked for, each with a seed of its own', async () => {
    const { send } = await serve();
    const ask = async (): Promise<string[]> => {
      const response = await send('/v1/chat/completions', chat({ n: 3, temperature: 1, seed: 5 }));
      return ((await response.json()) as { choices: { message: { content: string } }[] }).choices.map(
        ({ message }) => message.content,
      );
    };
    const first = await ask();
    expect(first.length).toBe(3);
    expect(new Set(first).size).toBeGreaterThan(1);
    expect(await ask()).toEqual(first);
  });

  it('that fails on its way ends with an error chunk and [DONE]', async () => {
    const { send } = await serve({ failsAt: (step) => step > 5 });
    const chunks = await events(await send('/v1/chat/completions', chat({ stream: true, max_tokens: 50 })));
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.at(-1)).toMatchObject({ error: { code: 'engine_failed', type: 'server_error' } });
  });

  it('that fails at once has the status of its error', async () => {
    const { send } = await serve({ failsAt: () => true });
    expect((await send('/v1/chat/completions', chat({ stream: true }))).status).toBe(500);
  });

  it('whose reader leaves frees its slot', async () => {
    const { send, engine } = await serve({ stepMs: () => 5 });
    const response = await send('/v1/chat/completions', chat({ stream: true, max_tokens: 150 }));
    const reader = response.body?.getReader();
    await reader?.read();
    expect(engine.stats().running).toBe(1);
    await reader?.cancel();
    await expect.poll(() => engine.stats().running).toBe(0);
    expect(engine.stats().queued).toBe(0);
  });
});

describe('a completion', () => {
  it('goes on from a text, whole and streamed', async () => {
    const { send } = await serve();
    const body = { model: 'tiny', prompt: 'once upon', max_tokens: 8 };
    const whole = (await (await send('/v1/completions', body)).json()) as {
      object: string;
      choices: { text: string }[];
    };
    expect(whole.object).toBe('text_completion');
    const chunks = await events(await send('/v1/completions', { ...body, stream: true }));
    const text = chunks.flatMap((chunk) => chunk['choices'] as { text: string }[]).map((choice) => choice.text);
    expect(text.join('')).toBe(whole.choices[0]?.text);
  });

  it('takes tokens, and refuses those that there are not', async () => {
    const { send } = await serve();
    expect((await send('/v1/completions', { model: 'tiny', prompt: [1, 2, 3] })).status).toBe(200);
    const refused = await send('/v1/completions', { model: 'tiny', prompt: [1, 2, 999] });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(await refused.json())).toContain('999');
  });
});

describe('a request that cannot be answered', () => {
  it.each<[string, string, unknown, number, string, RegExp]>([
    ['for another model', '/v1/chat/completions', chat({ model: 'big' }), 404, 'model_not_found', /big.*tiny/],
    [
      'with tools of another kind',
      '/v1/chat/completions',
      chat({ tools: [{ type: 'web_search' }] }),
      400,
      'invalid_request',
      /tools\[0\].*function/,
    ],
    [
      'for JSON of a shape that cannot be',
      '/v1/chat/completions',
      chat({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } } }),
      400,
      'invalid_request',
      /response_format\.json_schema\.schema: at #, "not"/,
    ],
    [
      'for more than the context holds',
      '/v1/chat/completions',
      chat({ max_tokens: 500 }),
      400,
      'context_length_exceeded',
      /189/,
    ],
    [
      'with a prompt beyond the context',
      '/v1/chat/completions',
      chat({ messages: [{ role: 'user', content: 'a'.repeat(300) }] }),
      400,
      'context_length_exceeded',
      /300.*200/,
    ],
    [
      'with a bias on no token',
      '/v1/chat/completions',
      chat({ logit_bias: { x: 1 } }),
      400,
      'invalid_request',
      /logit_bias/,
    ],
    ['for vectors', '/v1/embeddings', { model: 'tiny', input: 'x' }, 400, 'unsupported', /embeddings/],
    ['with nothing to go on from', '/v1/completions', { model: 'tiny', prompt: '' }, 400, 'invalid_request', /no text/],
    ['with a suffix', '/v1/completions', { model: 'tiny', prompt: 'x', suffix: 'y' }, 400, 'unsupported', /suffix/],
    ['that is too large', '/v1/chat/completions', 'x'.repeat(200_000), 413, 'body_too_large', /100000/],
    ['that is no JSON', '/v1/chat/completions', '{', 400, 'invalid_json', /JSON/],
  ])('%s says so in the right shape', async (...[, path, body, status, code, words]) => {
    const { send } = await serve();
    const response = await send(path, body, { headers: { 'x-request-id': 'mine' } });
    expect(response.status).toBe(status);
    expect(response.headers.get('x-request-id')).toBe('mine');
    const { error } = (await response.json()) as { error: { code: string; message: string; type: string } };
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
  });

  it('because the queue is full says when to try again', async () => {
    const { send, engine } = await serve({ queueMax: 0, stepMs: () => 20 });
    const running = [chat(), chat()].map((body) => send('/v1/chat/completions', body));
    await expect.poll(() => engine.stats().running).toBe(2);
    const response = await send('/v1/chat/completions', chat());
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after-ms'))).toBeGreaterThan(0);
    await Promise.all(running);
  });
});

describe('health', () => {
  it('is live at once, and ready with the model', async () => {
    const { app, send } = await serve({ loaded: false });
    expect((await app.request('/health/live')).status).toBe(200);
    expect((await app.request('/health')).status).toBe(503);
    const response = await send('/v1/chat/completions', chat());
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'model_loading' } });
  });

  it('asks the engine for a token, and not at every question', async () => {
    const { app, generator } = await serve();
    expect((await app.request('/health')).status).toBe(200);
    const { steps } = generator;
    expect(steps).toBeGreaterThan(0);
    expect((await app.request('/health')).status).toBe(200);
    expect(generator.steps).toBe(steps);
  });

  it('is bad when the engine fails, although HTTP answers', async () => {
    const { app } = await serve({ failsAt: () => true });
    expect((await app.request('/health')).status).toBe(500);
  });

  it('is bad when a step hangs', async () => {
    const clock = new ManualClock();
    const { app, engine } = await serve({ clock, slots: 1, stepMs: () => 1e9 });
    void app.request('/v1/completions', { method: 'POST', body: JSON.stringify({ model: 'tiny', prompt: 'x' }) });
    await expect.poll(() => engine.stats().running).toBe(1);
    await clock.advance(120_000);
    const response = await app.request('/health');
    expect(response.status).toBe(500);
    expect(JSON.stringify(await response.json())).toContain('120 s');
  });

  it('reports load and metrics', async () => {
    const { app, send } = await serve();
    await send('/v1/chat/completions', chat());
    expect(await (await app.request('/load')).json()).toMatchObject({
      model: 'tiny',
      state: 'ready',
      slots: 2,
      running: 0,
      queued: 0,
    });
    const metrics = await (await app.request('/metrics')).text();
    expect(metrics).toMatch(/qwenfleet_runtime_requests_total\{outcome="ok"\} 1/);
    expect(metrics).toMatch(/qwenfleet_runtime_tokens_total\{type="completion"\} \d+/);
  });
});

describe('draining', () => {
  it('finishes what runs and takes nothing new', async () => {
    const { admin, send, service, engine } = await serve({ stepMs: () => 20 });
    const running = send('/v1/chat/completions', chat({ max_tokens: 20 }));
    await expect.poll(() => engine.stats().running, { interval: 2 }).toBe(1);
    expect((await admin('POST', '/admin/drain')).status).toBe(202);
    const drained = service.finish();
    expect(await (await send('/v1/chat/completions', chat())).json()).toMatchObject({
      error: { code: 'shutting_down' },
    });
    expect((await running).status).toBe(200);
    await drained;
  });
});
