import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../harness/raw-http.ts';
import { startRouter, type TestRouter } from '../harness/router.ts';
import {
  answers,
  completes,
  deadUrl,
  hangsUp,
  refuses,
  saysNothing,
  serveUpstream,
  type Script,
  type Upstream,
} from '../harness/upstream.ts';

let router: TestRouter;
let small: Upstream;
let large: Upstream;
beforeAll(async () => {
  [small, large] = [await serveUpstream(), await serveUpstream()];
  router = await startRouter([
    { config: { name: 'small', models: ['Qwen/Qwen3-8B'] }, servers: [small.url] },
    { config: { name: 'large', tier: 'large', costPerToken: 1, upstreamModel: 'big' }, servers: [large.url] },
  ]);
});
afterEach(() => {
  small.script(completes());
  large.script(completes());
});
afterAll(async () => {
  await router.close();
  await Promise.all([small.close(), large.close()]);
});

type ErrorBody = { error: { message: string; type: string; param: string | null; code: string } };
const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${router.url}${path}`, init);

describe('an answer', () => {
  it('says which pool gave it, why, and by which name the request is known', async () => {
    const answer = await router.chat();
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-qwenfleet-pool': 'small',
      'x-qwenfleet-decision': 'named',
      'x-qwenfleet-confidence': '1',
      'x-qwenfleet-overhead-ms': expect.stringMatching(/^\d+\.\d\d$/),
      'x-request-id': expect.stringMatching(/^[\w-]{36}$/),
      'content-type': 'application/json',
    });
    expect(small.calls.at(-1)?.headers['x-request-id']).toBe(answer.headers.get('x-request-id'));
  });

  it('keeps a request’s own name when it is short and plain, and gives it another when it is not', async () => {
    const idFor = async (given: string): Promise<string | null> =>
      (await router.chat({}, { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await idFor('trace-1:a.b_C')).toBe('trace-1:a.b_C');
    for (const given of ['a b', 'x'.repeat(129), '{"a":1}', '<script>', '${jndi:ldap://x}'])
      expect(await idFor(given)).toMatch(/^[\da-f-]{36}$/);
  });

  it('of a stream is not to be collected or kept on its way', async () => {
    const { headers } = await router.chat({ stream: true });
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect([headers.get('x-accel-buffering'), headers.get('cache-control')]).toEqual(['no', 'no-cache']);
  });

  it('may be asked for at a path with a slash at its end', async () => {
    expect(
      (await router.post('/v1/chat/completions/', { model: 'small', messages: [{ role: 'user', content: 'x' }] }))
        .status,
    ).toBe(200);
    expect(small.calls.at(-1)?.path).toBe('/v1/chat/completions');
    expect((await get('/v1/models/')).status).toBe(200);
  });
});

describe('an error', () => {
  const chat = (fields: Record<string, unknown>) => router.chat(fields);
  it.each<[string, () => Promise<Response>, number, string, string | null]>([
    ['an unknown path', () => get('/v1/nothing'), 404, 'not_found', null],
    ['an unknown model', () => chat({ model: 'gpt-17' }), 404, 'model_not_found', 'model'],
    ['an unknown model’s entry', () => get('/v1/models/a/b'), 404, 'model_not_found', 'model'],
    ['no model', () => chat({ model: undefined }), 400, 'invalid_request', 'model'],
    ['an empty model', () => chat({ model: '' }), 400, 'invalid_request', 'model'],
    ['no messages', () => chat({ messages: [] }), 400, 'invalid_request', 'messages'],
    [
      'a message of numbers',
      () => chat({ messages: [{ role: 'user', content: 5 }] }),
      400,
      'invalid_request',
      'messages[0].content',
    ],
    ['a seed of a half', () => chat({ seed: 0.5 }), 400, 'invalid_request', 'seed'],
    [
      'an endless max_tokens',
      () => chat({ model: 'auto', max_tokens: 1e9 }),
      400,
      'context_length_exceeded',
      'messages',
    ],
    ['a million answers', () => chat({ n: 1e6 }), 400, 'invalid_request', 'n'],
    [
      'embeddings of text',
      () => router.post('/v1/embeddings', { model: 'small', input: 'x' }),
      400,
      'unsupported',
      'model',
    ],
    [
      'embeddings of nothing',
      () => router.post('/v1/embeddings', { model: 'auto', input: 'x' }),
      404,
      'model_not_found',
      'model',
    ],
    ['a wrong method', () => get('/v1/chat/completions'), 405, 'method_not_allowed', null],
  ])('for %s has the shape that every client reads', async (_name, ask, status, code, param) => {
    const answer = await ask();
    const body = (await answer.json()) as ErrorBody;
    expect(answer.status).toBe(status);
    expect(Object.keys(body)).toEqual(['error']);
    expect(Object.keys(body.error).toSorted()).toEqual(['code', 'message', 'param', 'type']);
    expect(body.error).toMatchObject({ code, param, type: 'invalid_request_error' });
    expect(body.error.message.length).toBeGreaterThan(20);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(answer.headers.get('x-request-id')).toBeTruthy();
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  it.each([
    ['GARBAGE\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    ['POST /v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['GET /v1/models HTTP/1.1\r\n\r\n', 400],
    ['GET /v1/models HTTP/1.1\r\nhost: a b\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['GET /v1\\models HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['POST /v1/models HTTP/1.1\r\nhost: x\r\nexpect: a-miracle\r\ncontent-length: 0\r\n\r\n', 417],
    ['CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n', 405],
  ])('of HTTP itself has it too: %#', async (sent, status) => {
    const answer = await sendRaw(router.url, [sent]);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
    expect(answer.headers['x-should-retry']).toBe('false');
    expect((JSON.parse(answer.body) as ErrorBody).error).toMatchObject({ type: 'invalid_request_error', param: null });
  });

  it('of HTTP itself does not come for a request that a load balancer sends without naming the host', async () => {
    expect((await sendRaw(router.url, ['GET /health/live HTTP/1.0\r\n\r\n'])).status).toBe(200);
  });

  it.each<[Record<string, string>, string | null, string | null]>([
    [{ 'retry-after-ms': '9500' }, '9500', '10'],
    [{ 'retry-after': '9' }, '9000', '9'],
    [{ 'retry-after-ms': '9500', 'retry-after': '11' }, '9500', '11'],
    [{ 'retry-after': 'Wed, 21 Oct 2037 07:28:00 GMT' }, null, 'Wed, 21 Oct 2037 07:28:00 GMT'],
    [{}, '500', '1'],
  ])('of a server that says %j is passed on with when to try again, for every client', async (said, ms, seconds) => {
    const busy = await serveUpstream(refuses(429, { 'x-should-retry': 'true', ...said }));
    const second = await startRouter([{ servers: [busy.url] }], { retry: { attemptsMax: 1 } });
    const { status, headers } = await second.chat();
    expect(status).toBe(429);
    expect(headers.get('x-should-retry')).toBe('true');
    expect([headers.get('retry-after-ms'), headers.get('retry-after')]).toEqual([ms, seconds]);
    await second.close();
    await busy.close();
  });
});

describe('methods', () => {
  it('other than a route’s own are answered with those that it has', async () => {
    const [post, put] = [
      await get('/v1/models', { method: 'DELETE' }),
      await get('/v1/completions', { method: 'PUT' }),
    ];
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  it('HEAD is GET without its body', async () => {
    const [whole, head] = [await get('/v1/models'), await get('/v1/models', { method: 'HEAD' })];
    expect([head.status, head.headers.get('content-type')]).toEqual([200, whole.headers.get('content-type')]);
    expect(await head.text()).toBe('');
    expect((await get('/v1/chat/completions', { method: 'HEAD' })).status).toBe(405);
  });

  it('OPTIONS says what there is, and allows no other site’s pages', async () => {
    const answer = await get('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect([answer.status, answer.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('pages of other origins', () => {
  it('may call when the configuration names them, errors included, and others may not', async () => {
    const before = router.service.config;
    router.service.configure({ ...before, cors: { origins: ['https://chat.example.com'] } });
    const from = (origin: string, method = 'POST') =>
      get('/v1/chat/completions', {
        method,
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
    const preflight = await from('https://chat.example.com', 'OPTIONS');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://chat.example.com');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    const error = await from('https://chat.example.com');
    expect([error.status, error.headers.get('access-control-allow-origin')]).toEqual([400, 'https://chat.example.com']);
    expect(error.headers.get('access-control-expose-headers')).toContain('x-qwenfleet-pool');
    expect((await from('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    router.service.configure(before);
  });
});

describe('models', () => {
  it.each(['auto', 'small', 'Qwen/Qwen3-8B', 'Qwen%2FQwen3-8B', 'Qwen/Qwen3-8B/'])(
    'are found one by one: %s',
    async (id) => {
      const answer = await get(`/v1/models/${id}`);
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ id: decodeURIComponent(id).replace(/\/$/, ''), object: 'model' });
    },
  );

  it('are found by the official client', async () => {
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none' });
    expect((await client.models.retrieve('Qwen/Qwen3-8B')).id).toBe('Qwen/Qwen3-8B');
  });
});

describe('model auto', () => {
  const hello = { model: 'auto', messages: [{ role: 'user', content: 'Hello, how are you?' }] };

  it('answers where it was decided, under the pool’s own name for its model', async () => {
    const answer = await router.chat(hello);
    expect(answer.headers.get('x-qwenfleet-pool')).toBe('small');
    expect(JSON.parse(small.calls.at(-1)?.text ?? '{}')).toMatchObject({ model: 'up' });
  });

  it('is answered by another pool when the chosen one fails before its first byte', async () => {
    const lonely = await serveUpstream();
    const second = await startRouter([
      { config: { name: 'small' }, servers: [await deadUrl()] },
      { config: { name: 'large', tier: 'large', costPerToken: 1 }, servers: [lonely.url] },
    ]);
    const answer = await second.chat(hello);
    expect(answer.status).toBe(200);
    expect([answer.headers.get('x-qwenfleet-pool'), answer.headers.get('x-qwenfleet-decision')]).toEqual([
      'large',
      'fallback',
    ]);
    const startedMs = performance.now();
    expect((await second.chat(hello)).headers.get('x-qwenfleet-pool')).toBe('large');
    process.stdout.write(
      `the second request goes elsewhere at once: ${Math.round(performance.now() - startedMs)} ms\n`,
    );
    const named = await second.chat({ ...hello, model: 'small' });
    expect(named.status).toBe(503);
    await second.close();
    await lonely.close();
  });

  it.each<[string, Script]>([
    ['hangs up', hangsUp],
    ['answers 500 each time', refuses(500)],
    ['answers 503 each time', refuses(503)],
  ])('is answered by another pool when the chosen one %s', async (_name, script) => {
    const [failing, well] = [await serveUpstream(script), await serveUpstream()];
    const second = await startRouter(
      [
        { config: { name: 'small' }, servers: [failing.url] },
        { config: { name: 'large', tier: 'large', costPerToken: 1 }, servers: [well.url] },
      ],
      { retry: { attemptsMax: 1 } },
    );
    const answer = await second.chat(hello);
    expect([answer.status, answer.headers.get('x-qwenfleet-pool')]).toEqual([200, 'large']);
    expect([failing.calls.length, well.calls.length]).toEqual([1, 1]);
    await second.close();
    await Promise.all([failing.close(), well.close()]);
  });

  it('passes the last failure on when every pool fails, and asks each once', async () => {
    const servers = [await serveUpstream(refuses(500)), await serveUpstream(hangsUp)];
    const second = await startRouter(
      servers.map(({ url }, at) => ({ config: { name: `pool-${at}`, costPerToken: at }, servers: [url] })),
      { retry: { attemptsMax: 1 } },
    );
    const answer = await second.chat(hello);
    expect(answer.status).toBe(502);
    expect(servers.map(({ calls }) => calls.length)).toEqual([1, 1]);
    await second.close();
    await Promise.all(servers.map((server) => server.close()));
  });

  it('has one total time over all the pools that are asked', async () => {
    const [silent, well] = [await serveUpstream(saysNothing), await serveUpstream()];
    const second = await startRouter(
      [
        { config: { name: 'small' }, servers: [silent.url] },
        { config: { name: 'large', tier: 'large', costPerToken: 1 }, servers: [well.url] },
      ],
      { timeouts: { totalMs: 300 } },
    );
    expect((await second.chat(hello)).status).toBe(504);
    expect(well.calls).toHaveLength(0);
    await second.close();
    await Promise.all([silent.close(), well.close()]);
  });

  it('is explained without being dispatched', async () => {
    const before = small.calls.length + large.calls.length;
    const explained = await router.post('/v1/route/explain', hello);
    expect(await explained.json()).toMatchObject({
      pool: 'small',
      costWeight: 0.3,
      pools: [{ name: 'small' }, { name: 'large' }],
    });
    expect(small.calls.length + large.calls.length).toBe(before);
  });
});

describe('a wanted share of the large pool', () => {
  const poem = { model: 'auto', messages: [{ role: 'user', content: 'Write a short poem about rain.' }] };

  it('is held over requests for auto, and only they count', async () => {
    const [cheap, dear] = [await serveUpstream(), await serveUpstream()];
    const steered = await startRouter(
      [
        { config: { name: 'small', concurrency: 64 }, servers: [cheap.url] },
        { config: { name: 'large', tier: 'large', costPerToken: 1, concurrency: 64 }, servers: [dear.url] },
      ],
      { objective: { largeShare: 0.25 } },
    );
    const largeOf = async (count: number): Promise<number> => {
      const before = dear.calls.length;
      for (let at = 0; at < count; at += 1) await (await steered.post('/v1/chat/completions', poem)).text();
      return dear.calls.length - before;
    };
    // Where all prompts are alike the first to go up is late.
    await largeOf(180);
    expect(await largeOf(80)).toBeGreaterThanOrEqual(18);
    for (let at = 0; at < 100; at += 1) {
      await steered.post('/v1/route/explain', poem);
      await (await steered.post('/v1/chat/completions', { ...poem, model: 'large' })).text();
    }
    const more = await largeOf(80);
    expect(more).toBeGreaterThanOrEqual(18);
    expect(more).toBeLessThanOrEqual(22);
    await Promise.all([steered.close(), cheap.close(), dear.close()]);
  });
});

describe('embeddings', () => {
  it('are asked of the pool that makes them, by its own model’s name', async () => {
    const upstream = await serveUpstream(
      answers(200, { object: 'list', data: [], usage: { prompt_tokens: 3, total_tokens: 3 } }),
    );
    const second = await startRouter([
      { config: { name: 'vectors', task: 'embed', upstreamModel: 'minilm' }, servers: [upstream.url] },
    ]);
    const answer = await second.post('/v1/embeddings', { model: 'auto', input: ['a', 'b'], encoding_format: 'base64' });
    expect([answer.status, answer.headers.get('x-qwenfleet-pool')]).toEqual([200, 'vectors']);
    expect(upstream.calls[0]).toMatchObject({
      path: '/v1/embeddings',
      text: '{"model":"minilm","input":["a","b"],"encoding_format":"base64"}',
    });
    await second.close();
    await upstream.close();
  });
});

describe('the official client', () => {
  it('reads a broken stream as an error with our code, and tries a failed request again only when told to', async () => {
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', maxRetries: 2 });
    small.script(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(
        'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}\n\n',
      );
    });
    const read = async (): Promise<void> => {
      const stream = await client.chat.completions.create({
        model: 'small',
        messages: [{ role: 'user', content: 'x' }],
        stream: true,
      });
      for await (const _chunk of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: 'upstream_failed' });
    const calls = small.calls.length;
    await expect(
      client.chat.completions.create({ model: 'small', messages: [{ role: 'user', content: 'x' }], n: 99 }),
    ).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    expect(small.calls).toHaveLength(calls);
  });
});
