import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { scratchFolder } from '../harness/processes.ts';
import { controlFileOf, ControlServer, type ControlFile } from './control-server.ts';

const url = 'http://127.0.0.1:8123';

async function start(stateDir = path.join(scratchFolder(onTestFinished), 'state')): Promise<{
  server: ControlServer;
  file: string;
  content: ControlFile;
}> {
  const server = await ControlServer.start(stateDir, url, {
    status: () => ({ pools: ['small'] }),
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'replicas 1\n' }),
    targets: (own) => [{ targets: [new URL(own).host], labels: { pod: 'operator' } }],
  });
  onTestFinished(() => server.stop());
  const file = controlFileOf(stateDir, 8123);
  // Written by the server a moment ago.
  return { server, file, content: JSON.parse(readFileSync(file, 'utf8')) as ControlFile };
}

const ask = (address: string, authorization?: string): Promise<Response> =>
  fetch(address, authorization === undefined ? {} : { headers: { authorization } });

describe('the file of a running fleet', () => {
  it('is named after its port, says where to ask, and only its owner reads it', async () => {
    const { file, content } = await start();
    expect(path.basename(file)).toBe('fleet-8123.json');
    expect(content).toEqual({
      url,
      control: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      token: expect.stringMatching(/^[\w-]{32}$/),
      pid: process.pid,
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is that private also where a readable one was left behind', async () => {
    const folder = scratchFolder(onTestFinished);
    writeFileSync(controlFileOf(folder, 8123), '{}', { mode: 0o644 });
    const { file } = await start(folder);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('goes with the fleet', async () => {
    const { server, file, content } = await start();
    server.stop();
    expect(existsSync(file)).toBe(false);
    await expect(ask(content.control)).rejects.toThrow();
  });

  it('has another token each time', async () => {
    const [first, second] = [await start(), await start()];
    expect(first.content.token).not.toBe(second.content.token);
  });
});

describe('asking a running fleet', () => {
  it('with its token gets the status, and nothing elsewhere', async () => {
    const { content } = await start();
    const answer = await ask(`${content.control}/status`, `Bearer ${content.token}`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ pools: ['small'] });
    expect((await ask(`${content.control}/other`, `Bearer ${content.token}`)).status).toBe(404);
  });

  it('takes no token for what Prometheus asks: numbers, and where more of them are', async () => {
    const { content } = await start();
    const metrics = await ask(`${content.control}/metrics`);
    expect([metrics.status, metrics.headers.get('content-type'), await metrics.text()]).toEqual([
      200,
      'text/plain; version=0.0.4',
      'replicas 1\n',
    ]);
    const targets = await ask(`${content.control}/targets`);
    expect(targets.headers.get('content-type')).toBe('application/json');
    expect(await targets.json()).toEqual([
      { targets: [content.control.replace('http://', '')], labels: { pod: 'operator' } },
    ]);
  });

  it.each([
    ['no token', () => undefined],
    ['a wrong one of the same length', (token: string) => `Bearer ${'x'.repeat(token.length)}`],
    ['a shorter one', (token: string) => `Bearer ${token.slice(1)}`],
    ['a longer one', (token: string) => `Bearer ${token}x`],
    ['the token alone', (token: string) => token],
  ])('with %s gets nothing', async (_, authorization) => {
    const { content } = await start();
    const answer = await ask(`${content.control}/status`, authorization(content.token));
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({});
  });
});
