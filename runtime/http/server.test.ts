import { once } from 'node:events';
import { createServer } from 'node:net';
import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import { rejection } from '../fixtures/generation.ts';
import { listen, type Listening } from './server.ts';

let server: Listening | undefined;
afterEach(() => server?.close(0));

/** A server with an answer at once, and one that waits until it is let go. */
async function start(host = '127.0.0.1') {
  const door = Promise.withResolvers<void>();
  const app = new Hono();
  app.get('/', (c) => c.text('hello'));
  app.get('/slow', async (c) => {
    await door.promise;
    return c.text('at last');
  });
  server = await listen(app, { host, port: 0 });
  return { url: server.url, close: server.close, letGo: door.resolve };
}

describe('a server', () => {
  it('says where it listens, on a port that was free', async () => {
    const { url } = await start();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await fetch(url)).text()).toBe('hello');
  });

  it('has an address that can be used over IPv6, too', async () => {
    const { url } = await start('::1');
    expect(new URL(url).hostname).toBe('[::1]');
    expect(await (await fetch(url)).text()).toBe('hello');
  });

  it('says when the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const outcome = await rejection(listen(new Hono(), { host: '127.0.0.1', port }));
    other.close();
    expect(outcome).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('that closes lets answers arrive, and takes no new connection', async () => {
    const { url, close, letGo } = await start();
    const answer = fetch(`${url}/slow`);
    await (await fetch(url)).text();
    let closed = false;
    const closing = close(60_000).then(() => (closed = true));
    expect(await rejection(fetch(url, { headers: { connection: 'close' } }))).toBeInstanceOf(TypeError);
    expect(closed).toBe(false);
    letGo();
    expect(await (await answer).text()).toBe('at last');
    await closing;
  });

  it('that closes does not wait for ever', async () => {
    const { url, close } = await start();
    const answer = rejection(fetch(`${url}/slow`));
    await (await fetch(url)).text();
    await close(30);
    expect(await answer).toBeInstanceOf(TypeError);
  });
});
