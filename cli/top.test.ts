import { afterEach, describe, expect, it } from 'vitest';
import { top } from './commands/top.ts';
import { FleetClient } from './client.ts';
import { serveEndpoint, type TestEndpoint } from './harness/endpoint.ts';
import { captureTerminal } from './harness/terminal.ts';
import { renderTop, topView, type TopView } from './top.ts';
import { poolSchema, replicasSchema, type Pool, type ReplicaRow } from './wire.ts';

const poolOf = (name: string, changes: object = {}): Pool =>
  poolSchema.parse({ name, tier: 'small', status: 'ready', ready: 2, desired: 2, inFlight: 3, held: 0, ...changes });
const lately = { requestsPerSecond: 4.25, tokensPerSecond: 900, firstByteMsP95: 210 };
const answered = { overMs: 60_000, requests: { total: 10, failed: 0 }, firstByteMsP95: 400, lately };
const engine = {
  slots: 8,
  running: 2,
  queued: 1,
  kvTokens: 512,
  kvTokensMax: 2_048,
  promptTokensPerSecond: 10,
  completionTokensPerSecond: 64,
};
const rows = (...replicas: object[]): ReplicaRow[] =>
  replicasSchema.parse({ replicas: replicas.map((each) => ({ state: 'ready', inFlight: 1, ...each })) }).replicas;
const one = (pool: Pool, replicas: ReplicaRow[] = []): TopView['pools'][number] | undefined =>
  topView('http://a', [pool], replicas).pools[0];

describe('a look at a fleet', () => {
  it('adds up what the engines of a pool say', () => {
    const replicas = rows(
      { pool: 'small', id: 'a', engine },
      { pool: 'small', id: 'b', engine },
      { pool: 'x', id: 'c' },
    );
    expect(one(poolOf('small', { answered }), replicas)).toMatchObject({
      tokensPerSecond: 128,
      kvShare: 0.25,
      ttftMsP95: 210,
      requestsPerSecond: 4.25,
    });
  });

  it('has the counts of the router where engines say nothing, and nothing where nobody knows', () => {
    expect(one(poolOf('small', { answered }), rows({ pool: 'small', id: 'a' }))).toMatchObject({
      tokensPerSecond: 900,
      kvShare: undefined,
      costPerHour: undefined,
    });
    expect(one(poolOf('small'))).toMatchObject({ tokensPerSecond: 0, ttftMsP95: undefined });
  });

  it('counts the cost of replicas that start, and of tokens elsewhere', () => {
    const perReplica = { price: { perReplicaHour: 0.8 }, starting: 1 };
    expect(one(poolOf('small', perReplica))?.costPerHour).toBeCloseTo(2.4);
    expect(one(poolOf('small', { price: { perMillionTokens: 2 }, answered }))?.costPerHour).toBeCloseTo(6.48);
  });

  it('fits eighty columns with the longest names and the largest figures', () => {
    const busy = { requestsPerSecond: 12_345.6, tokensPerSecond: 1_234_567, firstByteMsP95: 119_000 };
    const pool = poolOf('a-pool-with-a-name-that-is-as-long-as-names-can-be-which-is-sixty-three', {
      status: 'scaled-to-zero',
      ready: 100,
      desired: 100,
      inFlight: 25_600,
      held: 1_000,
      price: { perReplicaHour: 98.32 },
      answered: { ...answered, lately: busy },
    });
    const replicas = rows({
      pool: pool.name,
      id: 'a-pool-with-a-name-that-is-long-7d9f8b6c5-x2x9k',
      state: 'draining',
      engine: { ...engine, completionTokensPerSecond: 12_345.678 },
    });
    const text = renderTop(topView('http://qwenfleet-router.example.com:8080', [pool], replicas), 80);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(text).toContain('9832.00');
  });
});

describe('qwenfleet top', () => {
  let endpoint: TestEndpoint | undefined;
  afterEach(() => endpoint?.close());

  it('looks once, as a table or as a line of JSON', async () => {
    endpoint = await serveEndpoint();
    const client = new FleetClient({ url: endpoint.url });
    const table = captureTerminal();
    expect(await top({ client, terminal: table.terminal, once: true, everyMs: 1 })).toBe('ok');
    expect(table.out()).toMatch(/^POOL +STATE +READY/m);
    expect(table.out()).toMatch(/^small +ready +1\/1/m);
    expect(table.out()).toContain('small-1');
    const json = captureTerminal({ json: true });
    await top({ client, terminal: json.terminal, once: true, everyMs: 1 });
    expect(json.out().trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(json.out())).toMatchObject({ url: endpoint.url, pools: [{ name: 'small' }, { name: 'large' }] });
  });
});
