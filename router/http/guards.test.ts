import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../harness/raw-http.ts';
import { startRouter, type TestRouter } from '../harness/router.ts';
import { refuses, serveUpstream, completes, type Upstream } from '../harness/upstream.ts';
import { createApp } from './app.ts';
import { publicPaths } from './guards.ts';

const key = 'sk-canary-client';
const expired = 'sk-canary-expired';
const elsewhere = 'sk-canary-elsewhere';
const limited = 'sk-canary-limited';
const keyOf = (text: string, rest: object = {}) => ({
  id: 'alice',
  sha256: createHash('sha256').update(text).digest('hex'),
  ...rest,
});
const token = 'sk-canary-upstream';
const logged: string[] = [];
const log = pino(
  { level: 'trace' },
  new Writable({ write: (chunk: Buffer, _encoding, done) => (logged.push(chunk.toString()), done()) }),
);
let router: TestRouter;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await serveUpstream();
  const keys = [
    keyOf(key),
    keyOf(expired, { expires: '2020-01-01T00:00:00Z' }),
    keyOf(elsewhere, { scopes: { routes: ['/v1/nothing'] } }),
    keyOf(limited, { scopes: { models: ['other'] } }),
  ];
  router = await startRouter(
    [{ config: { apiKey: token }, servers: [upstream.url] }],
    { keys, logLevel: 'trace' },
    log,
  );
});
afterAll(async () => {
  await router.close();
  await upstream.close();
});

/** Every path that has a route, with something in place of what may vary. */
const routes = (): string[] => [
  ...new Set(
    createApp(router.service)
      .routes.map(({ path }) => path.replace(':id{.+}', 'small'))
      .filter((path) => !path.includes('*')),
  ),
];
const guarded = (): string[] => routes().filter((path) => !publicPaths.has(path));
const spellings = (path: string): string[] => [
  path,
  `${path}/`,
  `/${path}`,
  path.replace('/v1/', '/v1//'),
  path.replace('/v1/', '/v1%2F'),
  path.replace('/v1/', '/%76%31/'),
  path.toUpperCase(),
  `/health/..${path}`,
  `/health/%2e%2e${path}`,
  `${path}?key=${key}`,
];
const statusOf = async (path: string, method: string, authorization?: string): Promise<number> => {
  const header = authorization === undefined ? '' : `authorization: ${authorization}\r\n`;
  const prompt = path.includes('responses') ? '' : '"messages":[{"role":"user","content":"x"}],"prompt":"x",';
  const body = method === 'POST' ? `{"model":"small",${prompt}"input":"x"}` : '';
  const head = `${method} ${path} HTTP/1.1\r\nhost: router\r\n${header}content-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  return (await sendRaw(router.url, [head + body])).status;
};

/** By every method, all at once: one after another they take a minute where the machine is busy. */
const expectEach = async (path: string, authorization: string | undefined, statuses: number[]): Promise<void> => {
  const ask = async (method: string) => {
    expect(statuses, `${method} ${path} ${authorization}`).toContain(await statusOf(path, method, authorization));
  };
  await Promise.all(['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'PATCH'].map(ask));
};

describe('an endpoint with keys', () => {
  it('has routes to guard', () => {
    expect(guarded().toSorted()).toEqual([
      '/v1/chat/completions',
      '/v1/completions',
      '/v1/embeddings',
      '/v1/models',
      '/v1/models/small',
      '/v1/pools',
      '/v1/replicas',
      '/v1/responses',
      '/v1/route/explain',
    ]);
  });

  it('answers no spelling of any guarded route without a key, or with a wrong one', async () => {
    const wrong = [
      undefined,
      'Bearer sk-wrong',
      `Basic ${key}`,
      key,
      'Bearer',
      'Bearer ',
      `Bearer ${key} ${key}`,
      `Bearer ${key}x`,
    ];
    for (const path of guarded().flatMap(spellings)) {
      const keys = path === guarded()[0] ? wrong : wrong.slice(0, 2);
      await Promise.all(keys.map((authorization) => expectEach(path, authorization, [400, 401])));
    }
    expect(upstream.calls).toHaveLength(0);
  });

  it('answers no spelling of any guarded route with a key that has expired, or is for another route', async () => {
    for (const path of guarded().flatMap(spellings)) {
      await Promise.all([
        expectEach(path, `Bearer ${expired}`, [400, 401]),
        expectEach(path, `Bearer ${elsewhere}`, [400, 403]),
      ]);
    }
    expect(upstream.calls).toHaveLength(0);
  });

  it('answers nothing that pools do to a key that is for another pool', async () => {
    const asking = guarded().filter(
      (path) => !['/v1/replicas', '/v1/models', '/v1/models/small', '/v1/pools'].includes(path),
    );
    for (const path of asking.flatMap(spellings))
      expect([400, 403, 404], path).toContain(await statusOf(path, 'POST', `Bearer ${limited}`));
    for (const path of asking) expect(await statusOf(path, 'POST', `Bearer ${limited}`), path).toBe(403);
    expect(await statusOf('/v1/models/small', 'GET', `Bearer ${limited}`)).toBe(404);
    expect(upstream.calls).toHaveLength(0);
  });

  it('tells a key that has expired since when', async () => {
    const answer = await fetch(`${router.url}/v1/models`, { headers: { authorization: `Bearer ${expired}` } });
    expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([401, 'false']);
    expect(await answer.json()).toEqual({
      error: {
        message:
          'authorization: the key expired at 2020-01-01T00:00:00Z. Ask whoever runs this endpoint for a new one.',
        type: 'authentication_error',
        param: null,
        code: 'invalid_api_key',
      },
    });
  });

  it('says nothing of what exists to somebody without a key', async () => {
    expect(await statusOf('/v1/nothing', 'GET')).toBe(401);
    expect(await statusOf('/v1/nothing', 'GET', `Bearer ${key}`)).toBe(404);
  });

  it('answers with a key, in whatever case its scheme is written', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
      expect(await statusOf('/v1/models', 'GET', `${scheme} ${key}`)).toBe(200);
      expect(await statusOf('/v1/chat/completions', 'POST', `${scheme} ${key}`)).toBe(200);
    }
  });

  it.each([...publicPaths])('shows %s to anybody', async (path) => {
    expect(await statusOf(path, 'GET')).toBe(200);
    expect(await statusOf(path, 'HEAD')).toBe(200);
  });

  it('repeats no key or token in any answer, metric or line of its log', async () => {
    const answers: string[] = [];
    const ask = async (path: string, init: RequestInit = {}): Promise<void> => {
      const answer = await fetch(`${router.url}${path}`, init);
      answers.push(JSON.stringify([...answer.headers]), await answer.text());
    };
    const headers = { authorization: `Bearer ${key}` };
    for (const path of [...publicPaths, ...guarded()]) await ask(path, { headers });
    upstream.script(refuses(500));
    for (const body of [
      '{',
      '{}',
      '{"model":"gpt","messages":[]}',
      '{"model":"small","messages":[{"role":"user","content":"x"}]}',
    ])
      await ask('/v1/chat/completions', { method: 'POST', body, headers });
    await upstream.close();
    await ask('/v1/chat/completions', {
      method: 'POST',
      body: '{"model":"small","messages":[{"role":"user","content":"x"}]}',
      headers,
    });
    await ask('/v1/models', { headers: { authorization: `Bearer ${key}-wrong` } });
    for (const other of [expired, elsewhere, limited])
      for (const path of guarded()) await ask(path, { headers: { authorization: `Bearer ${other}` } });
    router.service.configure({ ...router.service.config, retry: { attemptsMax: 1 } });
    upstream = await serveUpstream(completes());
    const everything = [...answers, ...logged].join('\n');
    expect(logged.length).toBeGreaterThan(0);
    expect(everything.length).toBeGreaterThan(10_000);
    for (const secret of [key, token, expired, elsewhere, limited]) expect(everything).not.toContain(secret);
  });
});
