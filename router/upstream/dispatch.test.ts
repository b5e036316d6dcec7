import { once } from 'node:events';
import { seededRng } from '@qwenfleet/core/rng';
import { SseDecoder } from '@qwenfleet/core/openai/sse';
import { systemClock } from '@qwenfleet/core/clock';
import { dispatch } from './dispatch.ts';
import { rawMembers } from './request-body.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { startRouter, until, type TestRouter } from '../harness/router.ts';
import {
  answers,
  beginStream,
  chunk,
  completes,
  completion,
  deadUrl,
  hangsUp,
  refuses,
  saysNothing,
  serveUpstream,
  type Script,
  type Upstream,
} from '../harness/upstream.ts';

let router: TestRouter;
let upstreams: Upstream[] = [];
afterEach(async () => {
  await router.close();
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  upstreams = [];
});

/** A router with one pool, and a replica for each script. */
async function withReplicas(scripts: readonly Script[], settings: Record<string, unknown> = {}): Promise<Upstream[]> {
  upstreams = await Promise.all(scripts.map((script) => serveUpstream(script)));
  router = await startRouter([{ servers: upstreams.map(({ url }) => url) }], settings);
  return upstreams;
}

type Ended = { data: string[]; done: boolean; error?: { code: string; message: string } };

async function readStream(response: Response): Promise<Ended> {
  const decoder = new SseDecoder();
  const ended: Ended = { data: [], done: false };
  for await (const bytes of response.body ?? []) {
    for (const { data } of decoder.push(bytes)) {
      if (data === '[DONE]') ended.done = true;
      else ended.data.push(data);
    }
  }
  const last = JSON.parse(ended.data.at(-1) ?? '{}') as { error?: Ended['error'] };
  return last.error ? { ...ended, error: last.error } : ended;
}

const stream = { stream: true };
const streams: Script = ({ response }) => {
  beginStream(response);
  response.end(chunk({ content: 'a' }));
};
const attempts = (): number => upstreams.reduce((sum, { calls }) => sum + calls.length, 0);
const report = () => router.service.fleet.pools[0]?.report;

describe('what a pool’s server is asked for', () => {
  it('is its own model, whatever the client calls it, or an adapter by its name', async () => {
    const upstream = await serveUpstream(completes());
    upstreams.push(upstream);
    const config = { models: ['qwen', 'tone'], adapters: ['tone'], upstreamModel: 'up' };
    router = await startRouter([{ config, servers: [upstream.url] }]);
    for (const model of ['small', 'qwen', 'tone', 'auto']) await readStream(await router.chat({ ...stream, model }));
    expect(upstream.calls.map(({ text }) => (JSON.parse(text) as { model: string }).model)).toEqual([
      'up',
      'up',
      'tone',
      'up',
    ]);
    const list = (await (await fetch(`${router.url}/v1/models`)).json()) as { data: { id: string; parent?: string }[] };
    expect(list.data.map(({ id, parent }) => [id, parent])).toEqual([
      ['auto', undefined],
      ['small', undefined],
      ['qwen', undefined],
      ['tone', 'small'],
    ]);
  });
});

describe('before the first byte', () => {
  it.each<[string, Script]>([
    ['hangs up', hangsUp],
    ['answers 500', refuses(500)],
    ['answers 502', refuses(502)],
    ['answers 503', refuses(503)],
    ['is overloaded', refuses(429)],
    [
      'begins a stream and dies',
      ({ response }) => (beginStream(response), response.flushHeaders(), void response.socket?.end()),
    ],
  ])('a replica that %s is replaced by another one, and the client notices nothing', async (_name, script) => {
    const [failing, other] = await withReplicas([script, completes()]);
    const ended = await readStream(await router.chat(stream));
    expect(ended).toMatchObject({ done: true });
    expect(ended.error).toBeUndefined();
    expect([failing?.calls.length, other?.calls.length]).toEqual([1, 1]);
  });

  it('a replica that dies in the middle of a whole answer costs nothing either', async () => {
    const dies: Script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '9999' });
      response.write('{"id":', () => response.socket?.resetAndDestroy());
    };
    await withReplicas([dies, completes()]);
    const answer = await router.chat();
    expect([answer.status, await answer.json()]).toEqual([200, completion]);
  });

  it('an answer that is cut with its connection, where nothing says how long it was to be, is asked for again', async () => {
    const cut: Script = ({ response }) => {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"id":"chatcmpl-1","choices":[{"mess');
    };
    await withReplicas([cut, completes()]);
    const answer = await router.chat();
    expect([answer.status, await answer.json()]).toEqual([200, completion]);
  });

  it.each<[string, Script, object]>([
    ['whole that was to be streamed', answers(200, completion), stream],
    ['streamed that was to be whole', streams, {}],
  ])('an answer that comes %s is an error: a client would read nothing in it', async (_name, script, fields) => {
    await withReplicas([script]);
    const answer = await router.chat(fields as Record<string, unknown>);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ error: { code: 'upstream_failed' } });
    expect(attempts()).toBe(1);
  });

  it('a failure is retried no more often than configured, never at one replica while another is free', async () => {
    const [first, second, third, fourth] = await withReplicas([hangsUp, hangsUp, hangsUp, hangsUp], {
      retry: { attemptsMax: 3 },
    });
    const answer = await router.chat();
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ error: { code: 'upstream_failed' } });
    const counts = [first, second, third, fourth].map((upstream) => upstream?.calls.length ?? NaN);
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 1, 1, 1]);
  });

  it('one replica that recovers is asked again', async () => {
    const [only] = await withReplicas([(call, number) => (number === 1 ? refuses(503) : completes())(call, number)]);
    expect((await router.chat()).status).toBe(200);
    expect(only?.calls).toHaveLength(2);
  });

  it('a request that makes every replica fail does not take the pool from others', async () => {
    const poison: Script = (call, number) => (call.text.includes('poison') ? refuses(500) : completes())(call, number);
    await withReplicas([poison, poison]);
    const bad = Array.from({ length: 10 }, () => router.chat({ messages: [{ role: 'user', content: 'poison' }] }));
    expect((await Promise.all(bad)).map(({ status }) => status)).toEqual(bad.map(() => 500));
    const startedMs = performance.now();
    const good = await Promise.all(Array.from({ length: 10 }, () => router.chat()));
    expect(good.map(({ status }) => status)).toEqual(good.map(() => 200));
    process.stdout.write(`ten good requests after ten bad ones: ${Math.round(performance.now() - startedMs)} ms\n`);
  });

  it('a server that wants to be left alone for long is not waited for: the client is told', async () => {
    const [only] = await withReplicas([refuses(429, { 'retry-after': '30' })]);
    const answer = await router.chat();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '30']);
    expect(only?.calls).toHaveLength(1);
  });

  it('a request that is wrong is not tried twice', async () => {
    await withReplicas([refuses(400), refuses(400)]);
    const answer = await router.chat();
    expect([answer.status, attempts()]).toEqual([400, 1]);
  });

  it('a pool nobody of which can be reached is said to be, with a remedy, and soon at once', async () => {
    router = await startRouter([{ servers: [await deadUrl()] }]);
    const first = await router.chat();
    expect(first.status).toBe(503);
    const { error } = (await first.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe('pool_unavailable');
    expect(error.message).toMatch(/another model|try again/);
    expect(error.message).not.toContain('127.0.0.1');
    expect(first.headers.get('retry-after-ms')).toMatch(/^\d+$/);
    expect(router.service.fleet.pools[0]?.status).toBe('unavailable');
    const second = await router.chat();
    expect(second.status).toBe(503);
    expect(report()?.requestsTotal).toBe(3);
  });
});

describe('a pool whose servers answer with errors', () => {
  it('is asked again for a fifth of the requests at most, and clients are told not to add to it', async () => {
    const upstream = await serveUpstream(refuses(500));
    upstreams.push(upstream);
    router = await startRouter([{ config: { concurrency: 200 }, servers: [upstream.url] }]);
    const answered = await Promise.all(Array.from({ length: 100 }, () => router.chat()));
    expect(answered.map(({ status }) => status)).toEqual(answered.map(() => 500));
    // A fifth, ten that were saved up, and what the seconds that it took allow.
    expect(attempts()).toBeLessThanOrEqual(100 + 20 + 10 + 30);
    expect(answered.filter(({ headers }) => headers.get('x-should-retry') === 'false').length).toBeGreaterThan(40);
  });

  it('loses no request to a replica that breaks while there is another, however many were with it', async () => {
    const [dying, well] = await withReplicas([hangsUp, completes()]);
    const answered = await Promise.all(Array.from({ length: 40 }, () => router.chat()));
    expect(answered.map(({ status }) => status)).toEqual(answered.map(() => 200));
    expect(dying?.calls.length).toBeGreaterThan(0);
    expect(well?.calls.length).toBe(40);
  });
});

describe('after the first byte', () => {
  const begins: Script = ({ response }) => {
    beginStream(response);
    response.write(chunk({ role: 'assistant', content: 'Once' }));
  };

  it.each<[string, (call: Parameters<Script>[0]) => void]>([
    ['is reset', ({ response }) => void response.socket?.resetAndDestroy()],
    ['ends without [DONE]', ({ response }) => void response.end()],
    ['ends inside of an event', ({ response }) => void response.end('data: {"choices":[{"delta":{"con')],
  ])('a stream that %s ends in an error that clients understand', async (_name, ends) => {
    await withReplicas([
      async (call, number) => {
        await begins(call, number);
        setTimeout(() => ends(call), 20);
      },
      completes(),
    ]);
    const ended = await readStream(await router.chat(stream));
    expect(ended.data[0]).toContain('Once');
    expect(ended).toMatchObject({ done: true, error: { code: 'upstream_failed' } });
    expect(ended.data).toHaveLength(2);
    expect(attempts()).toBe(1);
    expect(report()).toMatchObject({ inFlight: 0, errorsTotal: 1 });
  });

  it('a stream ends with its mark, whether or not its server closes it', async () => {
    const [only] = await withReplicas([
      ({ response }) => {
        beginStream(response);
        response.write(`${chunk({ content: 'a' })}data: [DONE]\n\n`);
      },
    ]);
    const ended = await readStream(await router.chat(stream));
    expect(ended).toMatchObject({ done: true, data: [expect.stringContaining('"a"')] });
    expect(report()).toMatchObject({ inFlight: 0, errorsTotal: 0 });
    await until(() => only?.running() === 0);
  });

  it('silence is ended after the idle time', async () => {
    await withReplicas([begins], { timeouts: { idleMs: 100 } });
    const ended = await readStream(await router.chat(stream));
    expect(ended).toMatchObject({ done: true, error: { code: 'upstream_timeout' } });
  });

  it('an answer that never ends is ended after the total time, and its replica is not blamed', async () => {
    const [only] = await withReplicas(
      [
        ({ response }) => {
          beginStream(response);
          const timer = setInterval(() => response.write(chunk({ content: 'x' })), 10);
          response.on('close', () => clearInterval(timer));
        },
      ],
      { timeouts: { totalMs: 300 } },
    );
    const ended = await readStream(await router.chat(stream));
    expect(ended).toMatchObject({ done: true, error: { code: 'upstream_timeout' } });
    await until(() => only?.running() === 0);
    expect(report()).toMatchObject({ inFlight: 0, errorsTotal: 0 });
  });

  it('a failure that the server itself reports is passed on once, and counted', async () => {
    await withReplicas([
      ({ response }) => {
        beginStream(response);
        response.write(chunk({ content: 'a' }));
        response.end(
          'data: {"error":{"message":"out of memory","type":"x","param":null,"code":"oom"}}\n\ndata: [DONE]\n\n',
        );
      },
    ]);
    const ended = await readStream(await router.chat(stream));
    expect(ended).toMatchObject({ done: true, error: { code: 'oom' } });
    expect(ended.data).toHaveLength(2);
    expect(report()?.errorsTotal).toBe(1);
  });
});

describe('a stream', () => {
  it('arrives byte for byte as it was sent, however the server splits it', async () => {
    const sent = Buffer.from(
      `${chunk({ role: 'assistant', content: '' })}: ping\r\n\r\n${chunk({ content: '你好 👋🏽' })}${chunk({}, 'stop')}` +
        'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\r\n\r\ndata: [DONE]\n\n',
    );
    let cut = 0;
    await withReplicas([
      async ({ response }) => {
        beginStream(response);
        response.write(sent.subarray(0, cut));
        await new Promise((resolve) => setImmediate(resolve));
        response.end(sent.subarray(cut));
      },
    ]);
    for (cut = 1; cut < sent.length; cut += 7) {
      const answer = await router.chat({ ...stream, stream_options: { include_usage: true } });
      expect(Buffer.from(await answer.arrayBuffer()).equals(sent), `cut at ${cut}`).toBe(true);
    }
    const { body } = await router.service.expose();
    expect(body).toMatch(/qwenfleet_router_tokens_total\{pool="small",type="completion"\} \d+/);
  });

  it('comes as it is written and not when it ends', async () => {
    let finish: () => void = () => undefined;
    await withReplicas([
      ({ response }) => {
        beginStream(response);
        response.write(chunk({ content: 'first' }));
        finish = () => void response.end('data: [DONE]\n\n');
      },
    ]);
    const reader = (await router.chat(stream)).body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toContain('first');
    finish();
    await reader?.read();
  });

  it('whose client reads slowly is not collected in the router', async () => {
    const piece = Buffer.from(chunk({ content: 'x'.repeat(64 * 1024) }));
    const offered = 4_000;
    let taken = 0;
    await withReplicas([
      async ({ response }) => {
        beginStream(response);
        const closed = once(response, 'close');
        for (let sent = 0; sent < offered && !response.destroyed; sent += 1) {
          const isRoom = response.write(piece);
          taken = (sent + 1) * piece.length;
          if (!isRoom) await Promise.race([once(response, 'drain'), closed]);
        }
      },
    ]);
    const client = new AbortController();
    const answer = await router.chat(stream, { signal: client.signal });
    // Nobody reads: what the server got rid of lies in the sockets' buffers and in the router.
    let before = -1;
    while (before !== taken) {
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    process.stdout.write(
      `of ${(offered * piece.length) >> 20} MiB a client that does not read lets through ${taken >> 20} MiB\n`,
    );
    expect(taken).toBeLessThan(64 * 1024 * 1024);
    expect(answer.status).toBe(200);
    client.abort();
    await until(() => upstreams[0]?.running() === 0);
    expect(report()?.inFlight).toBe(0);
  });
});

describe('a client that leaves', () => {
  it.each<[string, Script, Record<string, unknown>]>([
    ['before an answer', saysNothing, {}],
    ['before a stream', saysNothing, stream],
    [
      'in the middle of a stream',
      ({ response }) => {
        beginStream(response);
        response.write(chunk({ content: 'a' }));
      },
      stream,
    ],
  ])('%s frees its place and ends the server’s work', async (_name, script, fields) => {
    const [only] = await withReplicas([script]);
    const client = new AbortController();
    const asked = router.chat(fields, { signal: client.signal }).catch((error: Error) => error);
    await until(() => only?.calls.length === 1);
    expect(report()?.inFlight).toBe(1);
    if (script !== saysNothing) await asked;
    client.abort();
    await until(() => only?.running() === 0 && report()?.inFlight === 0);
    expect(report()?.errorsTotal).toBe(0);
    await until(() => router.service.openAnswers === 0);
    const { body } = await router.service.expose();
    expect(body).toContain('status="499"');
  });

  it('while it waits for a place frees its place in the queue', async () => {
    router = await startRouter([{ config: { concurrency: 1 }, servers: [] }]);
    router.tell({ small: { endpoints: [], desired: 0, starting: 0, wakeable: true } });
    const client = new AbortController();
    const asked = router.chat({}, { signal: client.signal }).catch(() => undefined);
    await until(() => report()?.held === 1);
    client.abort();
    await until(() => report()?.held === 0 && router.service.openAnswers === 0);
    await asked;
  });

  it('between the beginning of an answer and its first byte leaves nothing behind', async () => {
    const [only] = await withReplicas([
      ({ response }) => {
        beginStream(response);
        response.write(chunk({ content: 'a' }));
      },
    ]);
    const { service } = router;
    const [pool] = service.fleet.pools;
    const { body } = await dispatch(
      pool!,
      {
        path: '/v1/chat/completions',
        members: rawMembers('{"model":"small","stream":true}'),
        bytes: 10,
        stream: true,
        requestId: 'r',
        header: () => undefined,
        signal: new AbortController().signal,
      },
      {
        config: service.config,
        agent: () => service.agent.current,
        clock: systemClock,
        rng: seededRng(1),
        onRetry: () => undefined,
      },
    );
    expect(report()?.inFlight).toBe(1);
    if (!(body instanceof Uint8Array)) await body.return();
    expect(report()?.inFlight).toBe(0);
    await until(() => only?.running() === 0);
  });

  it('at any moment leaves nothing behind', async () => {
    const rng = seededRng(5);
    const slow: Script = async ({ response }) => {
      await new Promise((resolve) => setTimeout(resolve, rng() * 10));
      beginStream(response);
      for (let index = 0; index < 5 && !response.destroyed; index += 1) {
        response.write(chunk({ content: String(index) }));
        await new Promise((resolve) => setTimeout(resolve, rng() * 5));
      }
      response.end('data: [DONE]\n\n');
    };
    await withReplicas([slow, slow]);
    const requests = Array.from({ length: 200 }, async () => {
      const signal = AbortSignal.timeout(1 + Math.floor(rng() * 60));
      await router
        .chat(stream, { signal })
        .then(
          (answer) => answer.text(),
          () => undefined,
        )
        .catch(() => undefined);
    });
    await Promise.all(requests);
    await until(() => report()?.inFlight === 0 && report()?.held === 0 && router.service.openAnswers === 0);
    await until(() => upstreams.every(({ running }) => running() === 0));
    expect((await router.chat(stream)).status).toBe(200);
  });
});

describe('a server that answers with words of its own', () => {
  it('is put into OpenAI’s shape, and its secrets are kept', async () => {
    await withReplicas([
      answers(401, { error: { message: 'Incorrect API key provided: sk-pool', code: 'x', type: 'x' } }),
    ]);
    const answer = await router.chat();
    const text = await answer.text();
    expect([answer.status, JSON.parse(text).error.code]).toEqual([502, 'upstream_failed']);
    expect(text).not.toContain('sk-pool');
  });
});
