import { afterEach, describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { configOf, poolOf, until } from '../harness/router.ts';
import {
  answers,
  beginStream,
  chunk,
  completes,
  deadUrl,
  hangsUp,
  saysNothing,
  serveUpstream,
  type Script,
  type Upstream,
} from '../harness/upstream.ts';
import { UpstreamAgent } from './agent.ts';
import { attempt, outcomeOf, wholeBytesMax, type UpstreamAnswer, type UpstreamRequest } from './attempt.ts';

const agent = new UpstreamAgent(1_000);
let upstream: Upstream | undefined;
afterEach(async () => {
  await upstream?.close();
  upstream = undefined;
});

type Options = { asked?: Partial<UpstreamRequest>; timeouts?: Record<string, number>; apiKey?: string; url?: string };

async function attemptAt(script: Script, { asked, timeouts, apiKey, url }: Options = {}): Promise<UpstreamAnswer> {
  upstream = await serveUpstream(script);
  const pool = poolOf(apiKey === undefined ? {} : { apiKey });
  const body = JSON.stringify({ model: 'up', stream: asked?.stream ?? false });
  return attempt(
    url ?? upstream.url,
    {
      path: '/v1/chat/completions',
      body,
      stream: false,
      requestId: 'r1',
      signal: new AbortController().signal,
      ...asked,
    },
    { pool, agent: agent.current, timeouts: configOf([pool], timeouts ? { timeouts } : {}).timeouts },
  );
}

describe('what a server is sent', () => {
  it('is the body as it is, the request’s name, and the pool’s token', async () => {
    await attemptAt(completes(), { asked: { body: '{"model":"up","big":18446744073709551615}' }, apiKey: 'sk-pool' });
    expect(upstream?.calls[0]).toMatchObject({
      path: '/v1/chat/completions',
      text: '{"model":"up","big":18446744073709551615}',
      headers: { authorization: 'Bearer sk-pool', 'x-request-id': 'r1', 'content-type': 'application/json' },
    });
  });

  it('has no authorization where the pool has no token', async () => {
    await attemptAt(completes());
    expect(upstream?.calls[0]?.headers.authorization).toBeUndefined();
  });
});

describe('what a client may see of the server’s headers', () => {
  it('is when to try again, and nothing else', async () => {
    const headers = {
      'retry-after': '3',
      'x-should-retry': 'false',
      'set-cookie': 'a=b',
      server: 'vllm',
      'x-request-id': 'no',
    };
    expect((await attemptAt(answers(429, {}, headers))).headers).toEqual({
      'retry-after': '3',
      'x-should-retry': 'false',
    });
  });
});

describe('a server that', () => {
  it.each<[string, string, Script | undefined]>([
    ['does not listen cannot be reached', 'pool_unavailable', undefined],
    ['hangs up before an answer broke it off', 'upstream_failed', hangsUp],
    [
      'dies in the middle of a whole answer broke it off',
      'upstream_failed',
      ({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        response.write('{"half":', () => response.socket?.resetAndDestroy());
      },
    ],
    [
      'answers something that is no HTTP broke it off',
      'upstream_failed',
      ({ response }) => void response.socket?.end('SSH-2.0-OpenSSH\r\n'),
    ],
  ])('%s', async (_name, code, script) => {
    const url = script === undefined ? await deadUrl() : undefined;
    const failed = attemptAt(script ?? saysNothing, url === undefined ? {} : { url });
    await expect(failed).rejects.toMatchObject({ name: 'FleetError', code, retryable: true });
    await failed.catch((error: FleetError) => expect(error.message).not.toMatch(/127\.0\.0\.1|ECONN|http/));
  });

  it('ends a stream before it began broke it off', async () => {
    const failed = attemptAt(({ response }) => (beginStream(response), void response.end()), {
      asked: { stream: true },
    });
    await expect(failed).rejects.toMatchObject({ code: 'upstream_failed' });
  });

  it('says nothing is given up after the time for the first byte of a stream', async () => {
    const failed = attemptAt(saysNothing, { asked: { stream: true }, timeouts: { firstByteMs: 50 } });
    await expect(failed).rejects.toMatchObject({ code: 'upstream_timeout', status: 504 });
  });

  it('thinks for longer than that about a whole answer is waited for: nothing can come before the end', async () => {
    const slow: Script = async (call, number) => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return completes()(call, number);
    };
    expect((await attemptAt(slow, { timeouts: { firstByteMs: 1 } })).status).toBe(200);
  });

  it('answers without end is cut off at the bound', async () => {
    const endless: Script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const piece = Buffer.alloc(4 * 1024 * 1024, 'x');
      const write = (): void => void response.write(piece, (error) => error ?? write());
      write();
    };
    await expect(attemptAt(endless)).rejects.toThrow(`larger than ${wholeBytesMax} bytes`);
    await until(() => upstream?.running() === 0);
  });

  it('streams hands over its first bytes as soon as they are there', async () => {
    const answer = await attemptAt(
      ({ response }) => (beginStream(response), void response.write(chunk({ content: 'a' }))),
      {
        asked: { stream: true },
      },
    );
    expect(Buffer.from(answer.first).toString()).toBe(chunk({ content: 'a' }));
    await answer.rest?.return?.();
    await until(() => upstream?.running() === 0);
  });

  it('answers a stream’s request with an error is read whole', async () => {
    const answer = await attemptAt(answers(400, { error: { message: 'no' } }), { asked: { stream: true } });
    expect([answer.status, answer.rest]).toEqual([400, undefined]);
  });
});

describe('a client that leaves', () => {
  it('ends the attempt with its own reason, and the server’s work', async () => {
    const client = new AbortController();
    const asked = attemptAt(() => client.abort(new FleetError('cancelled', 'gone')), {
      asked: { signal: client.signal },
    });
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => upstream?.running() === 0);
  });
});

describe('how a replica did, by the status of its answer', () => {
  it.each([
    [200, {}, { kind: 'answered' }],
    [400, {}, { kind: 'answered' }],
    [408, {}, { kind: 'erred' }],
    [429, { 'retry-after': '2' }, { kind: 'busy', status: 429, retryAfterMs: 2_000 }],
    [429, { 'retry-after-ms': '120', 'retry-after': '1' }, { kind: 'busy', status: 429, retryAfterMs: 120 }],
    [429, { 'retry-after': 'Wed, 21 Oct 2037 07:28:00 GMT' }, { kind: 'busy', status: 429, retryAfterMs: undefined }],
    [500, {}, { kind: 'erred' }],
    [502, {}, { kind: 'erred' }],
    [503, {}, { kind: 'busy', status: 503, retryAfterMs: undefined }],
  ])('%i with %j', (status, headers, outcome) => {
    expect(outcomeOf({ status, headers })).toEqual(outcome);
  });
});
