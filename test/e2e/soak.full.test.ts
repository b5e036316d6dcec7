import type { LoadReport } from '@qwenfleet/core/load/report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamChat, user } from '../harness/chat.ts';
import { endingOf } from '../harness/ending.ts';
import { eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { runLoad, type Asked } from '../harness/load.ts';
import { usageOf } from '../harness/processes.ts';
import { statusOf } from '../harness/replicas.ts';
import { seedFor } from '../harness/seed.ts';

const warmUpMs = 20_000;
const soakMs = 100_000;
const requestsMin = 60;
/** One of twenty clients gives up. */
const abortEvery = 20;
/** What a process may have grown since it was warm: a heap that is not yet collected, no more. */
const grownShareMax = 0.25;
const grownBytesMax = 64 * 2 ** 20;
/** The router keeps a client's idle connection for 75 s (`router/http/server.ts`); a slow machine gets more. */
const settleMs = 150_000;
/** Connections that this suite's own polling holds; fewer than the clients that give up, so a leak still shows. */
const pollingFilesMax = 4;

/** A start, the load, and what a busy machine adds. */
const beforeWithinMs = 600_000;

type Process = { name: string; pid: number; files: number; residentBytes: number };

let fleet: RunningFleet;
let fresh: Process[];
let warm: Process[];
let asked: Asked[];

beforeAll(async () => {
  const seed = seedFor('soak');
  fleet = await startFleet();
  fresh = await processesOf();
  const load = { url: fleet.url, workers: 6, abortEvery };
  await runLoad({ ...load, seed, forMs: warmUpMs });
  warm = await processesOf();
  asked = await runLoad({ ...load, seed: seed + 1_000, forMs: soakMs, requestsMin });
}, beforeWithinMs);
afterAll(async () => {
  await fleet?.stop();
});

async function processesOf(): Promise<Process[]> {
  const { router, pools } = await statusOf(fleet);
  const replicas = pools.flatMap(({ replicas: of }) => of.map(({ id, pid }) => ({ name: id, pid: pid ?? 0 })));
  return [{ name: 'router', pid: router.pid ?? 0 }, ...replicas].map((one) => ({ ...one, ...usageOf(one.pid) }));
}

async function reportsOf(): Promise<LoadReport[]> {
  const urls = (await statusOf(fleet)).pools.flatMap(({ replicas }) => replicas.flatMap(({ url }) => url ?? []));
  // Written by the runtime; its schema is in core/load/report.ts.
  return Promise.all(urls.map(async (url) => (await (await fetch(`${url}/load`)).json()) as LoadReport));
}

describe('two minutes of mixed load, with clients that give up', () => {
  it('answers everybody who stayed, whole', () => {
    const stayed = asked.filter(({ abandoned }) => !abandoned);
    const left = asked.length - stayed.length;
    process.stdout.write(`soak: ${stayed.length} answered, ${left} given up\n`);
    expect(stayed.filter(({ ending }) => ending !== 'whole')).toEqual([]);
    expect(asked.length).toBeGreaterThanOrEqual(requestsMin);
    expect(left).toBeGreaterThan(0);
  });

  it('leaves nothing in flight and nothing held', async () => {
    const pools = await eventually(
      fleet.pools,
      (seen) => seen.every(({ inFlight, held }) => inFlight === 0 && held === 0),
      settleMs,
    );
    expect(pools.map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
  });

  it('gives every slot back', async () => {
    const reports = await eventually(
      reportsOf,
      (seen) => seen.every(({ running, queued }) => running === 0 && queued === 0),
      settleMs,
    );
    expect(reports.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
  });

  it('restarted no process', async () => {
    const { router, pools } = await statusOf(fleet);
    expect([router.restarts, ...pools.map(({ restarts }) => restarts)]).toEqual([0, 0, 0, 0]);
    expect((await processesOf()).map(({ pid }) => pid)).toEqual(fresh.map(({ pid }) => pid));
  });

  it(
    'closes every file and connection again',
    async () => {
      const settled = (seen: Process[]): boolean =>
        seen.every(({ files }, at) => files <= (fresh[at]?.files ?? 0) + pollingFilesMax);
      await eventually(processesOf, settled, settleMs);
    },
    beforeWithinMs,
  );

  it('does not let memory grow', async () => {
    const now = await processesOf();
    const megabytes = (bytes: number | undefined): string => `${Math.round((bytes ?? 0) / 2 ** 20)} MiB`;
    for (const [at, { name, residentBytes }] of now.entries()) {
      const before = warm[at]?.residentBytes ?? 0;
      process.stdout.write(`soak: ${name} ${megabytes(before)} warm, ${megabytes(residentBytes)} after\n`);
      expect(residentBytes).toBeLessThanOrEqual(before * (1 + grownShareMax) + grownBytesMax);
    }
  });

  it('has a fleet that still answers', async () => {
    for (const model of ['auto', 'small', 'medium', 'large']) {
      const answer = streamChat(fleet.url, { model, messages: [user('Hi')], max_tokens: 4 });
      expect((await endingOf(answer)).ending).toBe('whole');
    }
  });
});
