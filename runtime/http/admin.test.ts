import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runtimeStatusSchema } from '@qwenfleet/core/load/status';
import { serve, type Served } from '../fixtures/served.ts';

const token = 'a long and secret word';
const tokenSha256 = createHash('sha256').update(token).digest('hex');
const guarded = (): Promise<Served> => serve({ config: { admin: { tokenSha256 } } });

/** Asks as somebody at this address would. */
async function ask(
  { app }: Served,
  remoteAddress: string | undefined,
  headers: Record<string, string> = {},
  [method, path]: readonly [string, string] = ['GET', '/admin/status'],
): Promise<number> {
  const env = remoteAddress === undefined ? {} : { incoming: { socket: { remoteAddress } } };
  const body = method === 'POST' ? { body: '{}' } : {};
  return (await app.request(path, { method, headers, ...body }, env)).status;
}

/** Every route of administration that is registered, so that a new one cannot be forgotten. */
async function adminRoutes(): Promise<[string, string][]> {
  const { app } = await serve();
  const routes = app.routes.filter(({ path, method }) => /^\/admin\/|lora_adapter$/.test(path) && method !== 'ALL');
  return routes.map(({ method, path }) => [method, path]);
}

describe('administration without a token', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('is for this machine: %s', async (address) => {
    expect(await ask(await serve(), address)).toBe(200);
  });

  it.each(['10.0.0.7', '::ffff:10.0.0.7', '::2', 'fe80::1', '127.0.0.1.evil', '1127.0.0.1', '', undefined])(
    'is for nobody else: %s',
    async (address) => {
      expect(await ask(await serve(), address)).toBe(403);
    },
  );

  it('is not for a page in this machine’s browser, which any web site can have ask', async () => {
    expect(await ask(await serve(), '127.0.0.1', { origin: 'https://evil.example' })).toBe(403);
    expect(await ask(await serve(), '127.0.0.1', { origin: 'null' })).toBe(403);
  });

  it('does not believe headers that name another address', async () => {
    expect(await ask(await serve(), '10.0.0.7', { 'x-forwarded-for': '127.0.0.1', host: 'localhost' })).toBe(403);
  });

  it('takes no token, for there is none', async () => {
    expect(await ask(await serve(), '10.0.0.7', { authorization: 'Bearer x' })).toBe(403);
    expect(await ask(await serve(), '127.0.0.1', { authorization: 'Bearer x' })).toBe(403);
  });
});

describe('administration with a token', () => {
  it.each(['10.0.0.7', '127.0.0.1', undefined])('is for whoever has it, from %s', async (address) => {
    expect(await ask(await guarded(), address, { authorization: `Bearer ${token}` })).toBe(200);
    expect(await ask(await guarded(), address, { authorization: `bearer ${token}` })).toBe(200);
  });

  it.each([
    ['a wrong one', `Bearer ${token}x`],
    ['its digest', `Bearer ${tokenSha256}`],
    ['another scheme', `Basic ${token}`],
    ['none behind the scheme', 'Bearer '],
  ])('is not for %s', async (_name, authorization) => {
    expect(await ask(await guarded(), '10.0.0.7', { authorization })).toBe(403);
  });

  it('still is for this machine', async () => {
    expect(await ask(await guarded(), '127.0.0.1')).toBe(200);
  });
});

describe('every route of administration', () => {
  it('is known here', async () => {
    expect(await adminRoutes()).toEqual([
      ['GET', '/admin/status'],
      ['POST', '/admin/drain'],
      ['POST', '/admin/load'],
      ['POST', '/v1/load_lora_adapter'],
      ['POST', '/v1/unload_lora_adapter'],
    ]);
  });

  it('is closed to strangers, however it is written', async () => {
    for (const [method, path] of await adminRoutes()) {
      const served = await serve();
      expect(await ask(served, '10.0.0.7', {}, [method, path])).toBe(403);
      for (const written of [
        `/${path}`,
        path.toUpperCase(),
        `${path}/`,
        path.replace('/admin/', '/admin%2F'),
        `/x/..${path}`,
      ])
        expect([403, 404], written).toContain(await ask(served, '10.0.0.7', {}, [method, written]));
      expect(served.service.report().state).toBe('ready');
    }
  });

  it('has a bounded body', async () => {
    const { admin } = await serve({ bodyBytesMax: 2_000 });
    expect((await admin('POST', '/admin/load', 'x'.repeat(3_000))).status).toBe(413);
  });
});

describe('the status', () => {
  it('says what is loaded, and that it may be exchanged', async () => {
    const { admin } = await serve();
    const status: unknown = await (await admin('GET', '/admin/status')).json();
    expect(runtimeStatusSchema.parse(status)).toEqual(status);
    expect(status).toMatchObject({
      model: 'tiny',
      state: 'ready',
      loaded: {
        generation: 1,
        asked: { uri: 'file:///x' },
        uri: 'file:///x',
        family: 'fake',
        digest: '0'.repeat(64),
        shape: { contextLength: 200 },
      },
      retiring: [],
      hotUpdate: true,
    });
  });

  it('says why there can be no update', async () => {
    const loading = await serve({ loaded: false });
    expect(loading.service.status()).toMatchObject({ state: 'loading', hotUpdate: false });
    expect(loading.service.status().hotUpdateRefused).toMatchObject({
      reason: 'NotReady',
      message: expect.stringContaining('loading'),
    });
    const full = await serve({ freeMemory: () => 10 });
    expect(full.service.status().hotUpdateRefused).toMatchObject({
      reason: 'Memory',
      message: expect.stringContaining('MiB'),
    });
  });
});

describe('a load that is asked for', () => {
  it.each<[string, unknown, RegExp]>([
    ['no model', {}, /model/],
    ['no address', { model: {} }, /uri/],
    ['an unknown field', { model: { uri: 'file:///x', branch: 'main' } }, /branch/],
    ['a digest that is none', { model: { uri: 'file:///x', sha256: 'abc' } }, /sha256/],
  ])('with %s is refused by name', async (_name, body, words) => {
    const { admin, service } = await serve();
    const response = await admin('POST', '/admin/load', body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(words);
    expect(service.status().update).toBeUndefined();
  });

  it('begins, and says so', async () => {
    const { admin, service } = await serve();
    const response = await admin('POST', '/admin/load', { model: { uri: 'file:///y', revision: 'main' } });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({
      update: { state: 'loading', model: { uri: 'file:///y' } },
      hotUpdate: false,
    });
    await expect.poll(() => service.status().loaded?.generation).toBe(2);
  });
});
