import { createServer, type Server } from 'node:http';
import type { LoadReport } from '@qwenfleet/core/load/report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRouter, type TestRouter } from '../harness/router.ts';
import { completes, serveUpstream, type Upstream } from '../harness/upstream.ts';

const report: LoadReport = {
  model: 'up',
  state: 'ready',
  generation: 1,
  requests: 2,
  slots: 8,
  running: 2,
  queued: 0,
  waitMs: 0,
  kvTokens: 100,
  kvTokensMax: 1_000,
  promptTokensPerSecond: 5,
  completionTokensPerSecond: 40,
  promptTokensTotal: 1,
  completionTokensTotal: 1,
  heartbeatAgeMs: 0,
  adapters: [],
};

let router: TestRouter;
let upstream: Upstream;
let engine: Server;
const looks: string[] = [];
let says: () => string = () => JSON.stringify(report);
beforeAll(async () => {
  upstream = await serveUpstream();
  upstream.script(completes());
  engine = createServer((request, response) => {
    looks.push(request.url ?? '');
    response.end(says());
  });
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  const address = engine.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  router = await startRouter([
    { config: { name: 'own', engine: 'qwen' }, servers: [url] },
    { config: { name: 'other', tier: 'large' }, servers: [upstream.url] },
  ]);
});
afterAll(async () => {
  await router.close();
  engine.close();
  await upstream.close();
});

const list = async (): Promise<Record<string, unknown>[]> =>
  ((await (await fetch(`${router.url}/v1/replicas`)).json()) as { replicas: Record<string, unknown>[] }).replicas;

describe('the list of replicas', () => {
  it('has what engines of ours say of themselves, asked once however many look', async () => {
    const [first] = await Promise.all([list(), list(), list()]);
    expect(first).toEqual([
      {
        pool: 'own',
        id: expect.any(String),
        state: 'ready',
        inFlight: 0,
        engine: {
          slots: 8,
          running: 2,
          queued: 0,
          kvTokens: 100,
          kvTokensMax: 1_000,
          promptTokensPerSecond: 5,
          completionTokensPerSecond: 40,
        },
      },
      { pool: 'other', id: expect.any(String), state: 'ready', inFlight: 0 },
    ]);
    expect(looks).toEqual(['/load']);
  });

  it('goes without an engine that says something else', async () => {
    says = () => '{"model":';
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await list())[0]).toEqual({ pool: 'own', id: expect.any(String), state: 'ready', inFlight: 0 });
  });
});

describe('the list of pools', () => {
  it('says what clients had of each: answers, failures, tokens, and how long they waited', async () => {
    await router.chat({ model: 'other' });
    const { pools } = (await (await fetch(`${router.url}/v1/pools`)).json()) as { pools: Record<string, unknown>[] };
    expect(pools[1]).toMatchObject({
      name: 'other',
      answered: { requests: { total: 1, failed: 0 }, lately: { requestsPerSecond: expect.any(Number) } },
    });
  });
});
