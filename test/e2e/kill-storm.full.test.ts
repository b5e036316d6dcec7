import { setTimeout as sleep } from 'node:timers/promises';
import { seededRng } from '@qwenfleet/core/rng';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamChat, user } from '../harness/chat.ts';
import { countEndings } from '../harness/ending.ts';
import { eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { runLoad, type Asked } from '../harness/load.ts';
import { descendants } from '../harness/processes.ts';
import { statusOf } from '../harness/replicas.ts';
import { seedFor } from '../harness/seed.ts';

const stormMs = 60_000;
const workers = 6;
/** Time between two kills: between the half and one and a half times this. */
const killEveryMs = 4_000;
/** A runtime that was killed over and over while it started waits up to 30 s, then loads its model. */
const recoverWithinMs = 240_000;
/** A start, the load, and what a busy machine adds. */
const beforeWithinMs = 600_000;
const models = ['small', 'medium', 'large'] as const;
type Victim = (typeof models)[number] | 'router';
const victims: readonly Victim[] = ['router', ...models];

/** While a router is dead its port is closed, and connections to it are broken: clients see that at once. */
type Outage = { fromMs: number; untilMs: number };

let fleet: RunningFleet;
let before: string[];
let asked: Asked[];
const kills: Victim[] = [];
const outages: Outage[] = [];

beforeAll(async () => {
  const seed = seedFor('kill-storm');
  fleet = await startFleet();
  before = await answers();
  const load = runLoad({ url: fleet.url, seed, workers, forMs: stormMs });
  const [ended] = await Promise.all([load, storm(seed)]);
  asked = ended;
}, beforeWithinMs);
afterAll(async () => {
  await fleet?.stop();
});

const answers = (): Promise<string[]> =>
  Promise.all(
    models.map(async (model) => {
      const body = { model, messages: [user('Tell me about the sea.')], temperature: 0, max_tokens: 16 };
      const { done, error, text } = await streamChat(fleet.url, body);
      if (!done || error) throw new Error(`${model}: ${error?.message ?? 'no answer'}`);
      return text;
    }),
  );

async function storm(seed: number): Promise<void> {
  const rng = seededRng(seed + workers);
  const endMs = performance.now() + stormMs;
  while (performance.now() < endMs) {
    await sleep(killEveryMs * (0.5 + rng()));
    const victim = victims[Math.floor(rng() * victims.length)] ?? 'router';
    if (await kill(victim)) kills.push(victim);
  }
}

/** False when it is not running at this moment. */
async function kill(victim: Victim): Promise<boolean> {
  const { router, pools } = await statusOf(fleet);
  const pid = victim === 'router' ? router.pid : pools.find(({ name }) => name === victim)?.replicas[0]?.pid;
  const fromMs = performance.now();
  try {
    process.kill(pid ?? 0, 'SIGKILL');
  } catch {
    return false;
  }
  if (victim === 'router') {
    await eventually(isListening, Boolean, recoverWithinMs);
    outages.push({ fromMs, untilMs: performance.now() });
  }
  return true;
}

const isListening = (): Promise<boolean> =>
  fetch(`${fleet.url}/health/live`).then(
    ({ ok }) => ok,
    () => false,
  );

const duringAnOutage = ({ startedMs, endedMs }: Asked): boolean =>
  outages.some(({ fromMs, untilMs }) => startedMs <= untilMs && endedMs >= fromMs);

describe('a minute in which processes are killed at random', () => {
  it('kills some', () => {
    process.stdout.write(`kill-storm: ${kills.join(', ')}; ${JSON.stringify(countEndings(asked))}\n`);
    expect(kills.length).toBeGreaterThan(3);
  });

  it('ends every request once: with an answer, a coded error or an error chunk', () => {
    expect(asked.length).toBeGreaterThan(workers);
    expect(asked.filter(({ ending }) => ending === 'silent')).toEqual([]);
  });

  it('breaks no connection but those of a router that was killed', () => {
    expect(asked.filter((one) => one.ending === 'broken' && !duringAnOutage(one))).toEqual([]);
  });

  it('is followed by pools that all answer as before', async () => {
    await eventually(fleet.pools, (pools) => pools.every(({ status }) => status === 'ready'), recoverWithinMs, 200);
    expect(await answers()).toEqual(before);
    const idle = await eventually(
      fleet.pools,
      (pools) => pools.every(({ inFlight, held }) => inFlight === 0 && held === 0),
      30_000,
    );
    expect(idle.map(({ ready }) => ready)).toEqual([1, 1, 1]);
  });

  it('leaves one router and one runtime for each pool, and nothing else', () => {
    const commands = descendants(fleet.process.pid ?? 0).map(({ command }) => command);
    expect(commands.filter((command) => command.includes('router/main.ts'))).toHaveLength(1);
    expect(commands.filter((command) => command.includes('runtime/main.ts'))).toHaveLength(models.length);
    expect(commands).toHaveLength(1 + models.length);
  });
});
