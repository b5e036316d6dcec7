import { connect } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../harness/raw-http.ts';
import { startRouter, type TestRouter } from '../harness/router.ts';
import { serveUpstream, type Upstream } from '../harness/upstream.ts';

const bytesMax = 64 * 1024;
let router: TestRouter;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await serveUpstream();
  router = await startRouter([{ servers: [upstream.url] }], { bodyBytesMax: bytesMax });
});
afterAll(async () => {
  await router.close();
  await upstream.close();
});

const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: router\r\ncontent-type: application/json\r\n';
const request = (text = 'Hello'): string =>
  JSON.stringify({ model: 'small', messages: [{ role: 'user', content: text }] });
const ofSize = (bytes: number): string => request('x'.repeat(bytes - request('').length));
const inChunks = (text: string, size: number): string[] => {
  const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
  return [...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`), '0\r\n\r\n'];
};
const codeOf = (body: string): unknown => (JSON.parse(body) as { error: { code: string } }).error.code;

describe('a body at its bound', () => {
  it('is taken at exactly the bound, whether its length is promised or not', async () => {
    const body = ofSize(bytesMax);
    expect((await router.post('/v1/chat/completions', body)).status).toBe(200);
    const chunked = await sendRaw(router.url, [`${head}transfer-encoding: chunked\r\n\r\n`, ...inChunks(body, 8_192)]);
    expect(chunked.status).toBe(200);
  });

  it('is refused one byte beyond, whatever the headers say', async () => {
    const body = ofSize(bytesMax + 1);
    const promised = await router.post('/v1/chat/completions', body);
    expect([promised.status, codeOf(await promised.text())]).toEqual([413, 'body_too_large']);
    const chunked = await sendRaw(router.url, [`${head}transfer-encoding: chunked\r\n\r\n`, ...inChunks(body, 8_192)]);
    expect([chunked.status, codeOf(chunked.body)]).toEqual([413, 'body_too_large']);
    const tiny = await sendRaw(router.url, [`${head}transfer-encoding: chunked\r\n\r\n`, inChunks(body, 6).join('')]);
    expect(tiny.status).toBe(413);
  });

  it('that has no end is refused while it comes, and costs no more than the bound', async () => {
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const endless = Array.from({ length: 400 }, () => piece);
    const answer = await sendRaw(router.url, [`${head}transfer-encoding: chunked\r\n\r\n`, ...endless]);
    expect(answer.status).toBe(413);
    expect((await router.chat()).status).toBe(200);
  });

  it('that promises too much is refused before it comes', async () => {
    const answer = await sendRaw(router.url, [`${head}content-length: 99999999\r\n\r\n{`]);
    expect(answer.status).toBe(413);
  });
});

describe('a packed body', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ])('in %s arrives at the pool unpacked', async (encoding, pack) => {
    const body = new Uint8Array(pack(request(`packed with ${encoding}`)));
    const answer = await fetch(`${router.url}/v1/chat/completions`, {
      method: 'POST',
      body,
      headers: { 'content-encoding': encoding },
    });
    expect(answer.status).toBe(200);
    const call = upstream.calls.at(-1);
    expect(call?.text).toContain(`packed with ${encoding}`);
    expect(call?.headers['content-encoding']).toBeUndefined();
  });

  it('that would unpack to more than the bound is refused', async () => {
    const body = new Uint8Array(gzipSync(ofSize(50 * 1024 * 1024)));
    expect(body.length).toBeLessThan(bytesMax);
    const answer = await fetch(`${router.url}/v1/chat/completions`, {
      method: 'POST',
      body,
      headers: { 'content-encoding': 'gzip' },
    });
    expect([answer.status, codeOf(await answer.text())]).toEqual([413, 'body_too_large']);
  });

  it.each([
    ['zstd', zstdCompressSync(request()), 415, 'unsupported_media_type'],
    ['gzip, br', gzipSync(request()), 415, 'unsupported_media_type'],
    ['gzip', Buffer.from(request()), 400, 'invalid_request'],
  ])('in %s that cannot be read is refused with a remedy', async (encoding, packed, status, code) => {
    const answer = await fetch(`${router.url}/v1/chat/completions`, {
      method: 'POST',
      body: new Uint8Array(packed),
      headers: { 'content-encoding': encoding },
    });
    const text = await answer.text();
    expect([answer.status, codeOf(text)]).toEqual([status, code]);
    expect(text).toContain('content-encoding');
  });
});

describe('a body that', () => {
  it.each<[string, string | Uint8Array<ArrayBuffer>, string]>([
    ['is empty', '', 'invalid_json'],
    ['is no JSON', 'model=small', 'invalid_json'],
    ['is two objects', '{}{}', 'invalid_json'],
    ['is no object', '[1]', 'invalid_request'],
    ['is null', 'null', 'invalid_request'],
    ['is not UTF-8', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), 'invalid_json'],
    ['is UTF-16', new Uint8Array(Buffer.from(request(), 'utf16le')), 'invalid_json'],
  ])('%s is refused with 400', async (_name, body, code) => {
    const answer = await fetch(`${router.url}/v1/chat/completions`, { method: 'POST', body });
    const { error } = (await answer.json()) as { error: { code: string; param: null; type: string } };
    expect([answer.status, error.code, error.type]).toEqual([400, code, 'invalid_request_error']);
  });

  it('is nested ten thousand deep is refused or taken like any other, where it is not understood too', async () => {
    const deep = '['.repeat(10_000) + ']'.repeat(10_000);
    const unknown = await router.post('/v1/chat/completions', request().replace('{', `{"metadata":${deep},`));
    expect(unknown.status).toBe(200);
    const known = await router.post('/v1/chat/completions', `{"model":${deep},"messages":[]}`);
    expect(known.status).toBe(400);
  });

  it('has another content-type or none is taken for what it is', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-8']) {
      const answer = await fetch(`${router.url}/v1/chat/completions`, {
        method: 'POST',
        body: request(),
        headers: { 'content-type': type },
      });
      expect(answer.status).toBe(200);
    }
  });

  it('breaks off is nobody’s answer, and the next one is answered', async () => {
    const { hostname, port } = new URL(router.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`${head}content-length: 500\r\n\r\n{"model":`, () => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    expect((await router.chat()).status).toBe(200);
    expect(router.service.openAnswers).toBe(0);
  });
});

describe('what the pool gets of a body', () => {
  it('is every field as it was written, but for the model and for what was written twice', async () => {
    const written =
      '{"model":"auto","seed":18446744073709551615,"stream":false,"messages":[{"role":"user","content":"\\u4f60好 \\ud83d\\ude00","x_unknown":1e400}],"temperature":0.30000000000000004,"x_big":123456789012345678901234567890,"model":"small"}';
    expect((await router.post('/v1/chat/completions', written)).status).toBe(200);
    expect(upstream.calls.at(-1)?.text).toBe(
      written.replace('"model":"auto"', '"model":"up"').replace(',"model":"small"', ''),
    );
  });

  it('has nothing added that the client did not write', async () => {
    const written =
      '{"model":"small","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}]}';
    await router.post('/v1/chat/completions', written);
    expect(upstream.calls.at(-1)?.text).toBe(written.replace('"small"', '"up"'));
  });
});
