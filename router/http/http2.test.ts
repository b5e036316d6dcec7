import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../harness/raw-http.ts';
import { startRouter, until, type TestRouter } from '../harness/router.ts';
import { beginStream, chunk, completes, serveUpstream, type Upstream } from '../harness/upstream.ts';

let router: TestRouter;
let upstream: Upstream;
let session: ClientHttp2Session;
beforeAll(async () => {
  upstream = await serveUpstream();
  router = await startRouter([{ servers: [upstream.url] }]);
  session = connect(router.url);
});
afterEach(() => upstream.script(completes()));
afterAll(async () => {
  session.close();
  await router.close();
  await upstream.close();
});

const send = (path: string, body?: unknown): ClientHttp2Stream => {
  const method = body === undefined ? 'GET' : 'POST';
  const stream = session.request({ ':path': path, ':method': method, 'content-type': 'application/json' });
  stream.end(body === undefined ? undefined : JSON.stringify(body));
  return stream;
};

async function ask(path: string, body?: unknown): Promise<{ status: number; id: string; type: string; text: string }> {
  const stream = send(path, body);
  const [headers] = (await once(stream, 'response')) as [Record<string, string>];
  let text = '';
  for await (const bytes of stream.setEncoding('utf8')) text += bytes;
  return {
    status: Number(headers[':status']),
    id: String(headers['x-request-id']),
    type: String(headers['content-type']),
    text,
  };
}

const chat = (fields: object = {}) => ({ model: 'small', messages: [{ role: 'user', content: 'Hello' }], ...fields });

describe('a client that speaks HTTP/2 from its first byte', () => {
  it('is answered on the port of all others, many requests on one connection', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/v1/chat/completions', chat())));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(20);
    expect((await ask('/v1/models')).text).toContain('"small"');
  });

  it('streams', async () => {
    const { type, text } = await ask('/v1/chat/completions', chat({ stream: true }));
    expect(type).toBe('text/event-stream');
    expect(text).toMatch(/"Hel"[^]*"lo\."[^]*data: \[DONE\]\n\n$/);
  });

  it.each([
    ['/v1/chat/completions', { model: 'small' }, 400, 'messages'],
    ['/v1/chat/completions', chat({ model: 'gpt' }), 404, 'model'],
    ['/v1/nothing', {}, 404, null],
    ['/v1/chat/completions', undefined, 405, null],
  ])('reads errors as everybody does: %s %j', async (path, body, status, param) => {
    const answer = await ask(path, body);
    expect(answer).toMatchObject({ status, type: 'application/json', id: expect.stringMatching(/^[\da-f-]{36}$/) });
    expect(JSON.parse(answer.text)).toMatchObject({ error: { param, type: 'invalid_request_error' } });
  });

  it('ends the pool’s work when it leaves one of its streams', async () => {
    upstream.script(({ response }) => {
      beginStream(response);
      response.write(chunk({ content: 'a' }));
    });
    const stream = send('/v1/chat/completions', chat({ stream: true }));
    stream.on('error', () => undefined);
    await once(stream, 'data');
    expect(upstream.running()).toBe(1);
    stream.close(constants.NGHTTP2_CANCEL);
    await until(() => upstream.running() === 0);
    expect(router.service.fleet.pools[0]?.report.inFlight).toBe(0);
  });
});

describe('a client that speaks HTTP/1.1', () => {
  it.each([1, 2, 3, 4])('is understood when its first bytes come %d at a time', async (size) => {
    const request = 'PUT /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    const pieces = request.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    expect((await sendRaw(router.url, pieces)).status).toBe(405);
  });

  it('is refused when its method only begins like the other protocol’s', async () => {
    expect((await sendRaw(router.url, ['PRINT / HTTP/1.1\r\nhost: x\r\n\r\n'])).status).toBe(400);
  });

  it('may leave before it has said anything', async () => {
    const { hostname, port } = new URL(router.url);
    const socket = connectSocket(Number(port), hostname);
    await once(socket, 'connect');
    socket.resetAndDestroy();
    expect((await ask('/health/live')).status).toBe(200);
  });
});
