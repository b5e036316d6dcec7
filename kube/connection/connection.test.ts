import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ManualClock } from '@qwenfleet/core/clock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeClient } from '../client/client.ts';
import { ScriptedApi } from '../harness/scripted-api.ts';
import { connect } from './connection.ts';

let api: ScriptedApi;
beforeEach(async () => {
  api = await ScriptedApi.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await api.stop();
});

describe('a kubeconfig', () => {
  it('says where the server is, who we are, and in which namespace', async () => {
    const file = api.kubeconfig();
    const main = await connect({ from: 'file', file });
    expect([main.server, main.namespace, (await main.access()).headers]).toEqual([
      api.url,
      'team',
      { authorization: 'Bearer first' },
    ]);
    const other = await connect({ from: 'file', file, context: 'other' });
    expect(other.namespace).toBe('default');
    await Promise.all([main.close(), other.close()]);
  });

  it('is found where kubectl finds it', async () => {
    vi.stubEnv('KUBECONFIG', api.kubeconfig());
    const connection = await connect();
    expect(connection.server).toBe(api.url);
    await connection.close();
  });

  it('may hold a name and a password', async () => {
    const file = api.kubeconfig('{username: ada, password: secret}');
    const connection = await connect({ from: 'file', file });
    const basic = Buffer.from('ada:secret').toString('base64');
    expect((await connection.access()).headers).toEqual({ authorization: `Basic ${basic}` });
    await connection.close();
  });

  it('may ask a plugin, which is asked again only when the server refuses its token', async () => {
    const clock = new ManualClock();
    const counter = path.join(api.folder, 'asked');
    writeFileSync(counter, '');
    const script = `echo x >> ${counter}; printf '{"status": {"token": "t%s"}}' $(wc -l < ${counter})`;
    const user = JSON.stringify({
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] },
    });
    const connection = await connect({ from: 'file', file: api.kubeconfig(user) }, { clock });
    expect((await connection.access()).headers['authorization']).toBe('Bearer t1');
    await clock.advance(61_000);
    expect((await connection.access()).headers['authorization']).toBe('Bearer t1');
    await clock.advance(10_000);
    await connection.renew();
    expect((await connection.access()).headers['authorization']).toBe('Bearer t2');
    await connection.close();
  });

  it('may put an HTTP proxy on the way, and no SOCKS proxy', async () => {
    // The scripted server is the proxy; the API server behind it is nowhere.
    const through = (proxy: string): string =>
      api.kubeconfig(undefined, `{server: "http://api.invalid:6443/base/", proxy-url: "${proxy}"}`);
    const connection = await connect({ from: 'file', file: through(api.url) });
    await KubeClient.over({ connection }).raw('/version');
    expect(api.received.map(({ path, headers }) => [path, headers.host])).toEqual([
      ['/base/version', 'api.invalid:6443'],
    ]);
    await connection.close();
    await expect(connect({ from: 'file', file: through('socks5://127.0.0.1:1') })).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  it.each([
    ['no such file', { from: 'file', file: '/nowhere/kubeconfig' } as const],
    ['no such context', { from: 'file', context: 'nobody' } as const],
  ])('that cannot be used is refused: %s', async (_name, source) => {
    const file = api.kubeconfig();
    await expect(connect({ file, ...source })).rejects.toMatchObject({ code: 'invalid_config' });
  });
});

describe('in a pod', () => {
  it('the service account is read again each minute, and kept while it cannot be read', async () => {
    const clock = new ManualClock();
    const account = path.join(api.folder, 'account');
    mkdirSync(account, { recursive: true });
    const token = path.join(account, 'token');
    writeFileSync(token, 'one\n');
    writeFileSync(path.join(account, 'namespace'), 'fleet\n');
    writeFileSync(path.join(account, 'ca.crt'), 'not looked at before a connection is made');
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.0.0.1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    const connection = await connect({ from: 'pod', folder: account }, { clock });
    const bearer = async (): Promise<string | undefined> => (await connection.access()).headers['authorization'];
    expect([connection.server, connection.namespace, await bearer()]).toEqual([
      'https://10.0.0.1:443',
      'fleet',
      'Bearer one',
    ]);
    const before = (await connection.access()).requests;
    writeFileSync(token, 'two');
    expect(await bearer()).toBe('Bearer one');
    await clock.advance(60_001);
    expect(await bearer()).toBe('Bearer two');
    expect((await connection.access()).requests).toBe(before);
    writeFileSync(path.join(account, 'ca.crt'), 'another authority');
    await clock.advance(60_001);
    expect((await connection.access()).requests).not.toBe(before);
    rmSync(token);
    await clock.advance(60_001);
    expect(await bearer()).toBe('Bearer two');
    await connection.close();
  });
});
