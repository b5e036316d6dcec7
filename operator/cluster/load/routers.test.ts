import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { emptyHistogram } from '@qwenfleet/core/load/histogram';
import { silentLogger } from '@qwenfleet/core/log';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../harness/processes.ts';
import { RoundsClock } from '../../harness/rounds-clock.ts';
import { routerAddress, routerPoller } from './routers.ts';

const everyMs = 1_000;
const staleMs = 5_000;
const key = 'fleet/router';

/** What a router says of a pool; a moment of idleness passes with each answer. */
const poolOf = (changes: object = {}): object => ({
  inFlight: 0,
  held: 0,
  idleMs: (asked += 1),
  requestsTotal: 0,
  errorsTotal: 0,
  firstByte: emptyHistogram(),
  revisions: {},
  ...changes,
});

let asked: number;
let pools: Record<string, () => object>;
let server: Server;
let clock: RoundsClock;
let poller: ReturnType<typeof routerPoller>;
let told: string[];
let stopping: AbortController;
let running: Promise<void>;
let agent: Agent;

beforeEach(async () => {
  asked = 0;
  told = [];
  pools = { small: poolOf, large: poolOf };
  server = createServer((_request, response) => {
    const body = Object.fromEntries(Object.entries(pools).map(([name, of]) => [name, of()]));
    response.end(JSON.stringify({ pools: body }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server has an address, not a path.
  const { port } = server.address() as AddressInfo;
  clock = new RoundsClock();
  agent = new Agent();
  stopping = new AbortController();
  const addresses = () => new Map([[key, [routerAddress('pod', `http://127.0.0.1:${port}`)]]]);
  poller = routerPoller(
    { addresses, agent, clock, log: silentLogger },
    {
      onLoad: (of, names) => told.push(`${of}: load of ${names.join()}`),
      onPools: (of) => told.push(`${of}: pools`),
    },
  );
  running = poller.run(stopping.signal);
  await until(() => clock.rounds === 1, 'the first round ends');
});
afterEach(async () => {
  stopping.abort();
  await running;
  await agent.close();
  server.closeAllConnections();
  server.close();
});

async function nextRound(afterMs: number = everyMs): Promise<void> {
  const { rounds } = clock;
  await clock.advance(afterMs);
  await until(() => clock.rounds > rounds, 'the round ends');
}

describe('the load of a router', () => {
  it('wakes everything that hears of its pools when they are others', async () => {
    expect(told).toEqual([`${key}: pools`]);
    pools = { small: poolOf };
    await nextRound();
    pools = { small: poolOf, medium: poolOf };
    await nextRound();
    expect(told).toEqual([`${key}: pools`, `${key}: pools`, `${key}: pools`]);
  });

  it('wakes the one pool that it moved for', async () => {
    pools = { small: () => poolOf({ inFlight: 3 }), large: poolOf };
    await nextRound();
    expect(told.slice(1)).toEqual([`${key}: load of small`]);
    expect(poller.reports(key)[0]?.['small']?.inFlight).toBe(3);
  });

  it('wakes nobody while only time passes', async () => {
    await nextRound();
    await nextRound();
    expect(told).toEqual([`${key}: pools`]);
  });

  it('is not known any more of a router that has been silent for too long', async () => {
    pools = { small: () => ({ nonsense: true }) };
    await nextRound(staleMs);
    expect(poller.reports(key)[0]).toBeDefined();
    await nextRound();
    expect(poller.reports(key)).toEqual([undefined]);
  });
});
