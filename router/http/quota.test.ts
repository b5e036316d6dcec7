import { createHash } from 'node:crypto';
import { sseDone, encodeSse } from '@qwenfleet/core/openai/sse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRouter, until, type TestRouter } from '../harness/router.ts';
import {
  beginStream,
  chunk,
  completes,
  refuses,
  serveUpstream,
  type Script,
  type Upstream,
} from '../harness/upstream.ts';

let router: TestRouter;
let upstream: Upstream;
/** One client a test, so that no two tests share a quota. */
const quotas = {
  requests: { requestsPerMinute: 2 },
  tokens: { tokensPerMinute: 10_000 },
  told: { tokensPerMinute: 10_000 },
  cut: { tokensPerMinute: 10_000 },
  failed: { tokensPerMinute: 10_000, concurrency: 1 },
  single: { concurrency: 1 },
  small: { tokensPerMinute: 100 },
};
type Client = keyof typeof quotas | 'free';
const digest = (client: string) => createHash('sha256').update(`sk-${client}`).digest('hex');
beforeAll(async () => {
  upstream = await serveUpstream();
  const named = Object.entries(quotas).map(([id, quota]) => ({ id, sha256: digest(id), quota }));
  router = await startRouter([{ servers: [upstream.url] }], {
    keys: [...named, { id: 'free', sha256: digest('free') }],
  });
});
afterAll(async () => {
  await router.close();
  await upstream.close();
});

const as = (client: Client) => ({ headers: { authorization: `Bearer sk-${client}` } });
const remaining = async (client: Client): Promise<number> => {
  const answer = await fetch(`${router.url}/v1/models`, as(client));
  await answer.body?.cancel();
  return Number(answer.headers.get('x-ratelimit-remaining-tokens'));
};

/** A stream with its counts at the end when it is asked for them, as the servers of models do. */
const streams =
  (pieces: readonly string[]): Script =>
  ({ text, response }) => {
    const { stream_options: options } = JSON.parse(text) as { stream_options?: { include_usage?: boolean } };
    beginStream(response);
    for (const piece of pieces) response.write(chunk({ content: piece }));
    response.write(chunk({}, 'stop'));
    const usage = { prompt_tokens: 30, completion_tokens: 70, total_tokens: 100 };
    if (options?.include_usage) response.write(encodeSse({ id: 'chatcmpl-1', choices: [], usage }));
    response.end(sseDone);
  };

describe('a key with a quota', () => {
  it('is refused when its requests are used up, and told when to come again', async () => {
    upstream.script(completes());
    const first = await router.chat({}, as('requests'));
    expect([first.status, first.headers.get('x-ratelimit-remaining-requests')]).toEqual([200, '1']);
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
    await router.chat({}, as('requests'));
    const third = await router.chat({}, as('requests'));
    expect(third.status).toBe(429);
    expect(await third.json()).toEqual({
      error: {
        message: expect.stringMatching(
          /^This key has 2 requests a minute, and they are used\. Try again in [\dm.]+s\.$/,
        ),
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limited',
      },
    });
    const [ms, seconds] = ['retry-after-ms', 'retry-after'].map((name) => Number(third.headers.get(name)));
    expect(ms).toBeGreaterThan(0);
    expect(seconds).toBe(Math.ceil((ms ?? 0) / 1_000));
    expect(third.headers.get('x-should-retry')).toBe('true');
    expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(third.headers.get('x-ratelimit-reset-requests')).toMatch(/s$/);
    expect((await router.chat({}, as('free'))).status).toBe(200);
  });

  it('pays for what an answer has, as the server counts it', async () => {
    upstream.script(completes());
    await (await router.chat({ max_tokens: 500 }, as('tokens'))).text();
    expect(await remaining('tokens')).toBe(10_000 - 7);
  });

  it('pays for what a stream has, and sees the counts only when it asks for them', async () => {
    upstream.script(streams(['Hel', 'lo.']));
    const text = await (await router.chat({ stream: true }, as('told'))).text();
    expect(text).not.toContain('"usage":{');
    expect(text).toBe(chunk({ content: 'Hel' }) + chunk({ content: 'lo.' }) + chunk({}, 'stop') + sseDone);
    expect(await remaining('told')).toBe(9_900);
    const asked = await router.chat({ stream: true, stream_options: { include_usage: true } }, as('told'));
    expect(await asked.text()).toContain('"usage":{');
    expect(await remaining('told')).toBe(9_800);
  });

  it('pays for as much of a stream as came when it leaves, and no longer for what it could have been', async () => {
    upstream.script(({ response }) => {
      beginStream(response);
      for (const piece of ['a', 'b', 'c']) response.write(chunk({ content: piece }));
    });
    const before = await remaining('cut');
    const answer = await router.chat({ stream: true, max_tokens: 5_000 }, as('cut'));
    expect(await remaining('cut')).toBeLessThan(before - 5_000);
    const reader = answer.body?.getReader();
    let seen = '';
    while (!seen.includes('"c"')) seen += Buffer.from((await reader?.read())?.value ?? []).toString();
    await reader?.cancel();
    await until(() => upstream.running() === 0);
    // Five bytes of prompt are two tokens by their size.
    const paid = 2 + 3;
    for (let tries = 0; tries < 200 && (await remaining('cut')) !== before - paid; tries += 1);
    expect(await remaining('cut')).toBe(before - paid);
  });

  it('pays nothing for an answer that failed, and has its place back', async () => {
    upstream.script(refuses(400));
    for (let count = 0; count < 3; count += 1) expect((await router.chat({}, as('failed'))).status).toBe(400);
    expect((await router.chat({ stream: true }, as('failed'))).status).toBe(400);
    expect((await router.chat({ model: 'gpt' }, as('failed'))).status).toBe(404);
    expect(await remaining('failed')).toBe(10_000);
  });

  it('has one answer at a time where it is for one', async () => {
    upstream.script(({ response }) => {
      beginStream(response);
      response.write(chunk({ content: 'a' }));
    });
    const open = await router.chat({ stream: true }, as('single'));
    upstream.script(completes());
    expect((await router.chat({}, as('single'))).status).toBe(429);
    await open.body?.cancel();
    await until(() => upstream.running() === 0);
    for (let tries = 0; tries < 200; tries += 1) if ((await router.chat({}, as('single'))).status === 200) break;
    expect((await router.chat({}, as('single'))).status).toBe(200);
  });

  it('is told at once when a request is more than it ever has', async () => {
    const answer = await router.chat({ max_tokens: 101 }, as('small'));
    expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([429, 'false']);
    expect(await answer.text()).toContain('max_tokens');
  });
});
