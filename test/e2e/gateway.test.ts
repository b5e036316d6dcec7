import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishedCheckpoint } from '../harness/checkpoints.ts';
import { user } from '../harness/chat.ts';
import { cacheDir, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { startRuntime, type RunningRuntime } from '../harness/runtime-process.ts';
import { serveTokenGate, type TokenGate } from '../harness/token-gate.ts';
import { root } from '../house/imports.ts';

// What examples/gateway.yaml says.
const token = 'sk-what-the-servers-want';
const alice = 'sk-alice-change-me';
const batch = 'sk-batch-change-me';

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-gateway-'));
const runtimes: RunningRuntime[] = [];
let small: TokenGate;
let large: TokenGate;
let fleet: RunningFleet;
beforeAll(async () => {
  const model = { uri: `file://${publishedCheckpoint()}` };
  const engine = { slots: 4, contextLength: 200, threads: 1 };
  for (const servedName of ['Qwen/Qwen3-8B', 'Qwen/Qwen3-32B'])
    runtimes.push(await startRuntime({ servedName, model, quantization: 'float32', engine }, { cacheDir }));
  small = await serveTokenGate(runtimes[0]?.url ?? '', token);
  large = await serveTokenGate(runtimes[1]?.url ?? '', token);
  const example = readFileSync(path.join(root, 'examples/gateway.yaml'), 'utf8');
  const file = path.join(folder, 'gateway.yaml');
  writeFileSync(file, example.replace('http://127.0.0.1:8001', small.url).replace('http://127.0.0.1:8002', large.url));
  fleet = await startFleet({ args: ['--fleet', file], env: { QWENFLEET_LOG: 'debug' } });
});
afterAll(async () => {
  await fleet?.stop();
  await Promise.all([small?.close(), large?.close(), ...runtimes.map((runtime) => runtime.dispose())]);
  rmSync(folder, { recursive: true, force: true });
});

const clientOf = (apiKey: string): OpenAI => new OpenAI({ baseURL: `${fleet.url}/v1`, apiKey, maxRetries: 0 });
const ask = { messages: [user('Hello, how are you?')], max_tokens: 8, temperature: 0 };
const hard = user(
  'Prove that there are infinitely many primes congruent to 3 modulo 4, then generalise the argument and say where it breaks.',
);

async function explain(message: object): Promise<{ pool: string; words: string; pools: { name: string }[] }> {
  const answer = await fetch(`${fleet.url}/v1/route/explain`, {
    method: 'POST',
    headers: { authorization: `Bearer ${alice}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'auto', messages: [message] }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Awaited<ReturnType<typeof explain>>;
}

describe('a gateway to servers that already run', () => {
  it('starts, says that a key is asked for, and lists the models of both', async () => {
    expect(fleet.stdout()).toContain('authorization: Bearer');
    const { data } = await clientOf(alice).models.list();
    expect(data.map(({ id }) => id)).toEqual(['auto', 'small', 'qwen3-8b', 'large', 'qwen3-32b']);
  });

  it.each([
    ['no key', ''],
    ['a wrong key', 'sk-eve'],
    ['the token of the servers', token],
  ])('refuses %s in OpenAI’s shape', async (_name, key) => {
    const answer = await fetch(`${fleet.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === '' ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ model: 'auto', ...ask }),
    });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({
      error: {
        message: expect.stringContaining('authorization'),
        type: 'authentication_error',
        param: null,
        code: 'invalid_api_key',
      },
    });
    if (key !== '') await expect(clientOf(key).models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });

  it.each([alice, batch])('answers each client by its key, streamed and whole', async (key) => {
    const whole = await clientOf(key).chat.completions.create({ model: 'qwen3-8b', ...ask });
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
    const stream = clientOf(key).chat.completions.stream({ model: 'qwen3-8b', ...ask });
    expect(await stream.finalContent()).toBe(whole.choices[0]?.message.content);
  });

  it('sends the servers their token, and never a client’s key', () => {
    expect(small.seen.length).toBeGreaterThan(0);
    expect(new Set([...small.seen, ...large.seen])).toEqual(new Set([`Bearer ${token}`]));
    const headers = JSON.stringify([...small.passed, ...large.passed]);
    for (const key of [alice, batch]) expect(headers).not.toContain(key);
  });

  it('picks between the two for auto, and explains which and why', async () => {
    const [easy, difficult] = [await explain(ask.messages[0] ?? {}), await explain(hard)];
    expect([easy.pool, difficult.pool]).toEqual(['small', 'large']);
    expect(difficult.words).toMatch(/^large: .*proof/);
    expect(difficult.pools.map(({ name }) => name)).toEqual(['small', 'large']);
    for (const [message, pool] of [
      [ask.messages[0], 'small'],
      [hard, 'large'],
    ] as const) {
      const { response } = await clientOf(alice)
        .chat.completions.create({ ...ask, model: 'auto', messages: [message ?? hard] })
        .withResponse();
      expect(response.headers.get('x-qwenfleet-pool')).toBe(pool);
    }
  });
});

describe('a server that is down', () => {
  it('is replaced by the other for auto, and said to be by name, with a remedy', async () => {
    await small.close();
    const { response } = await clientOf(alice)
      .chat.completions.create({ model: 'auto', ...ask })
      .withResponse();
    expect(response.headers.get('x-qwenfleet-pool')).toBe('large');
    const refused = clientOf(alice).chat.completions.create({ model: 'qwen3-8b', ...ask });
    await expect(refused).rejects.toMatchObject({ status: 503, code: 'pool_unavailable' });
    await expect(refused).rejects.toThrow(/Ask for another model, or try again/);
    const pools = await fetch(`${fleet.url}/v1/pools`, { headers: { authorization: `Bearer ${alice}` } });
    expect(await pools.json()).toMatchObject({
      pools: [
        { name: 'small', status: 'unavailable', problem: 'none of its servers can be reached' },
        { name: 'large', status: 'ready' },
      ],
    });
  });
});

describe('secrets', () => {
  it('are in no log, no file of the fleet and no metric', async () => {
    const text = [
      fleet.stdout(),
      fleet.stderr(),
      await (await fetch(`${fleet.url}/metrics`)).text(),
      await (await fetch(`${fleet.url}/load`)).text(),
      ...filesBelow(fleet.stateDir),
    ].join('\n');
    expect(text).toContain('qwenfleet_router_requests_total');
    expect(text).toContain('"msg":"listening"');
    for (const secret of [token, alice, batch]) expect(text).not.toContain(secret);
  });
});

function filesBelow(where: string): string[] {
  return readdirSync(where, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(where, name))
    .filter((name) => statSync(name).isFile())
    .map((name) => readFileSync(name, 'utf8'));
}
