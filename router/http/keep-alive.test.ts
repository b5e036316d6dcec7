import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endpointsOf, startRouter, until, type TestRouter } from '../harness/router.ts';
import { beginStream, chunk, completes, refuses, serveUpstream, type Upstream } from '../harness/upstream.ts';

const asleep = endpointsOf([], { wakeable: true });
const headers = { 'x-qwenfleet-keep-alive': 'comments' };

let router: TestRouter;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await serveUpstream();
  const hold = { keepAliveMs: 100, timeoutMs: 60_000 };
  router = await startRouter([{ config: { hold }, servers: [] }]);
});
afterEach(() => {
  upstream.script(completes());
  router.tell({ small: asleep });
});
afterAll(async () => {
  await router.close();
  await upstream.close();
});

const wake = (): void => router.tell({ small: endpointsOf([upstream.url]) });

/** Reads until so many comments have come, then wakes the pool, then reads the rest. */
async function heldFor(comments: number, fields: Record<string, unknown> = {}): Promise<string> {
  router.tell({ small: asleep });
  const answer = await router.chat({ stream: true, ...fields }, { headers });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  let text = '';
  let woken = false;
  for await (const bytes of answer.body ?? []) {
    text += Buffer.from(bytes).toString();
    if (woken || text.split(': waiting\n\n').length <= comments) continue;
    woken = true;
    wake();
  }
  return text;
}

describe('a stream that waits for its pool and asks to be kept alive', () => {
  it('gets comments, and then its answer', async () => {
    expect(await heldFor(3)).toMatch(/^(: waiting\n\n){3,}data: \{[^]*"Hel"[^]*"lo\."[^]*data: \[DONE\]\n\n$/);
  });

  it.each([
    ['small', refuses(400)],
    ['auto', refuses(400)],
  ])('gets an error in it when there is none (%s)', async (model, script) => {
    upstream.script(script);
    expect(await heldFor(1, { model })).toMatch(
      /^(: waiting\n\n)+data: \{"error":\{"message":"status 400"[^]*data: \[DONE\]\n\n$/,
    );
  });

  it('gets an error in it when the pool cannot be had', async () => {
    router.tell({ small: asleep });
    const answer = await router.chat({ stream: true }, { headers });
    router.tell({ small: endpointsOf([], { problem: 'no machine is free' }) });
    expect(await answer.text()).toMatch(
      /^(: waiting\n\n)+data: \{"error":[^]*no machine is free[^]*data: \[DONE\]\n\n$/,
    );
  });

  it('is read by the official client as if nothing had been', async () => {
    router.tell({ small: asleep });
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', defaultHeaders: headers, maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'x' }];
    const stream = await client.chat.completions.create({ model: 'small', messages, stream: true });
    const response = await client.responses.create({ model: 'small', input: 'x', stream: true });
    wake();
    let text = '';
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    for await (const event of response) if (event.type === 'response.output_text.delta') text += event.delta;
    expect(text).toBe('Hello.Hello.');
  });

  it('leaves nothing behind when it leaves', async () => {
    router.tell({ small: asleep });
    const leaving = new AbortController();
    const waits = await router.chat({ stream: true }, { headers, signal: leaving.signal });
    expect(router.service.fleet.pools[0]?.report.held).toBe(1);
    leaving.abort();
    await waits.text().catch(() => undefined);
    await until(() => router.service.fleet.pools[0]?.report.held === 0 && router.service.openAnswers === 0);
    upstream.script(({ response }) => {
      beginStream(response);
      response.write(chunk({ content: 'a' }));
    });
    const second = new AbortController();
    const runs = await router.chat({ stream: true }, { headers, signal: second.signal });
    wake();
    await until(() => upstream.running() === 1);
    second.abort();
    await runs.text().catch(() => undefined);
    await until(() => upstream.running() === 0 && router.service.openAnswers === 0);
  });
});

describe('a stream that waits and does not ask for it', () => {
  it('keeps its status for its answer', async () => {
    router.tell({ small: asleep });
    const answer = router.chat({ stream: true });
    await until(() => router.service.fleet.pools[0]?.report.held === 1);
    router.tell({ small: endpointsOf([], { problem: 'no machine is free' }) });
    expect((await answer).status).toBe(503);
  });
});
