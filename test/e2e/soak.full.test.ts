import { setTimeout as sleep } from 'node:timers/promises';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { streamChat, user } from '../harness/chat.ts';
import { countEndings, endingOf, type Ended } from '../harness/ending.ts';
import { eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { eightPrompts } from '../harness/prompts.ts';
import { statusOf } from '../harness/replicas.ts';
import { heldBy, type Held } from '../harness/resources.ts';

const soakMs = 90_000;
const clients = 6;
const abortShare = 0.05;
const models = ['auto', 'small', 'medium', 'large'] as const;
/** Connections that are kept alive, and files that a runtime opens when it first needs them. */
const fileHandlesSlack = 24;
const residentBytesSlack = 192 * 1024 * 1024;

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet?.stop());

async function pids(): Promise<number[]> {
  const { router, pools } = await statusOf(fleet);
  return [router.pid, ...pools.flatMap(({ replicas }) => replicas.map(({ pid }) => pid))].flatMap((pid) => pid ?? []);
}

/** One request; some are left in the middle of their answer, as impatient people do. */
async function askOnce(rng: Rng): Promise<Ended | 'left'> {
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(rng() * of.length)];
  const body = {
    model: pick(models),
    messages: [user(pick(eightPrompts) ?? '')],
    max_tokens: 4 + Math.floor(rng() * 28),
    temperature: rng() < 0.5 ? 0 : 0.8,
  };
  if (rng() >= abortShare) return endingOf(streamChat(fleet.url, body));
  await streamChat(fleet.url, body, AbortSignal.timeout(Math.floor(20 + rng() * 1_500))).catch(() => undefined);
  return 'left';
}

it('minutes of mixed load with people who leave change nothing of what the processes hold', async () => {
  const seed = Date.now() % 1_000_000;
  process.stdout.write(`soak: seed ${seed}\n`);
  const rng = seededRng(seed);
  for (let count = 0; count < 12; count += 1) await askOnce(() => (rng() + abortShare) % 1);
  const processes = await pids();
  const before = new Map<number, Held>(processes.map((pid) => [pid, heldBy(pid)]));

  const ended: Ended[] = [];
  let left = 0;
  const untilMs = performance.now() + soakMs;
  const client = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const how = await askOnce(rng);
      if (how === 'left') left += 1;
      else ended.push(how);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));

  await eventually(fleet.pools, (pools) => pools.every(({ inFlight, held }) => inFlight === 0 && held === 0), 30_000);
  // Sockets of those who left are closed a moment later.
  await sleep(2_000);
  process.stdout.write(`soak: ${JSON.stringify(countEndings(ended))}, ${left} left\n`);
  expect(ended.filter(({ ending }) => ending !== 'whole')).toEqual([]);
  expect(left).toBeGreaterThan(0);
  expect(await pids()).toEqual(processes);
  for (const [pid, { fileHandles, residentBytes }] of before) {
    const now = heldBy(pid);
    expect(now.fileHandles - fileHandles, `file handles of ${pid}`).toBeLessThanOrEqual(fileHandlesSlack);
    expect(now.residentBytes - residentBytes, `memory of ${pid}`).toBeLessThanOrEqual(residentBytesSlack);
  }
});
