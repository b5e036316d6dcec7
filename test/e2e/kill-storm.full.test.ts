import { setTimeout as sleep } from 'node:timers/promises';
import { seededRng } from '@qwenfleet/core/rng';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { streamChat, user } from '../harness/chat.ts';
import { countEndings, endingOf, type Ended } from '../harness/ending.ts';
import { eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { descendants } from '../harness/processes.ts';
import { eightPrompts } from '../harness/prompts.ts';

const stormMs = 45_000;
const clients = 5;
const pools = ['small', 'medium', 'large'] as const;

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet?.stop());

it('kill -9 of any process at any moment: every request ends once and is understood, and the fleet comes back', async () => {
  // KILL_STORM_SEED replays a run.
  const seed = Number(process.env['KILL_STORM_SEED'] ?? Date.now() % 1_000_000);
  process.stdout.write(`kill storm: seed ${seed}\n`);
  const rng = seededRng(seed);
  const untilMs = performance.now() + stormMs;

  const ended: Ended[] = [];
  const client = async (at: number): Promise<void> => {
    for (let turn = 0; performance.now() < untilMs; turn += 1) {
      const model = pools[(at + turn) % pools.length];
      const prompt = eightPrompts[(at * 3 + turn) % eightPrompts.length] ?? '';
      const body = { model, messages: [user(prompt)], temperature: 0, max_tokens: 24 };
      const how = await endingOf(streamChat(fleet.url, body));
      ended.push(how);
      // While the router is being started again, its port refuses connections.
      if (how.ending === 'broken') await sleep(100);
    }
  };
  const kills: string[] = [];
  const killer = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      await sleep(1_500 + rng() * 4_000);
      const victims = descendants(fleet.process.pid ?? 0).filter(({ command }) => command.includes('main.ts'));
      const victim = victims[Math.floor(rng() * victims.length)];
      if (!victim) continue;
      process.kill(victim.pid, 'SIGKILL');
      kills.push(/(\w+)\/main\.ts/.exec(victim.command)?.[1] ?? '');
    }
  };
  await Promise.all([killer(), ...Array.from({ length: clients }, (_, at) => client(at))]);

  const counts = countEndings(ended);
  process.stdout.write(`kill storm: ${kills.join(' ')}; ${JSON.stringify(counts)}\n`);
  expect(ended.filter(({ ending }) => ending === 'silent')).toEqual([]);
  expect(kills.length).toBeGreaterThan(3);
  expect(counts.whole).toBeGreaterThan(0);

  await eventually(
    () => fleet.pools().catch(() => []),
    (seen) =>
      seen.length === pools.length && seen.every(({ ready, inFlight, held }) => ready > 0 && inFlight + held === 0),
    90_000,
    250,
  );
  for (const model of pools) {
    const body = { model, messages: [user('What is the capital of France?')], temperature: 0 };
    expect((await endingOf(streamChat(fleet.url, body))).ending).toBe('whole');
  }
});
