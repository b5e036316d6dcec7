import { setTimeout as sleep } from 'node:timers/promises';
import { streamChat, user } from '../../../harness/chat.ts';
import { startFleet, type RunningFleet } from '../../../harness/fleet.ts';
import { alive, descendants } from '../../../harness/processes.ts';

/** One start and one stop of the demo fleet, as somebody at a terminal sees them. */
export type Round = { readySeconds: number; lines: number; stopSeconds: number };

const roundCount = 3;
const pools = ['small', 'medium', 'large'] as const;

let rounds: Promise<Round[]> | undefined;

/** Three promises look at the same starts and stops, so these happen once. */
export const startsAndStops = (): Promise<Round[]> => (rounds ??= takeRounds());

async function takeRounds(): Promise<Round[]> {
  const taken: Round[] = [];
  for (let count = 0; count < roundCount; count += 1) taken.push(await takeRound());
  return taken;
}

async function takeRound(): Promise<Round> {
  const startedMs = performance.now();
  const fleet = await startFleet();
  try {
    await Promise.all(pools.map((pool) => answerOf(fleet, pool)));
    const readySeconds = (performance.now() - startedMs) / 1000;
    const lines = fleet.stdout().trimEnd().split('\n').length;
    return { readySeconds, lines, stopSeconds: await stopWhileBusy(fleet) };
  } finally {
    await fleet.stop();
  }
}

async function answerOf(fleet: RunningFleet, model: string): Promise<void> {
  const { status, done, error } = await streamChat(fleet.url, { model, messages: [user('Hi')], max_tokens: 1 });
  if (status !== 200 || !done || error) throw new Error(`${model} does not answer: ${error?.message ?? status}`);
}

/** Ctrl-C while every pool is in the middle of a long answer: the hardest moment to stop. */
async function stopWhileBusy(fleet: RunningFleet): Promise<number> {
  const children = descendants(fleet.process.pid ?? 0);
  if (children.length < pools.length + 1) throw new Error('the fleet has fewer processes than pools and a router');
  const streams = pools.map((model) =>
    streamChat(fleet.url, { model, messages: [user('Tell me a very long story.')], max_tokens: 1_500 }),
  );
  await sleep(500);
  const startedMs = performance.now();
  await fleet.stop();
  while (children.some(({ pid }) => alive(pid))) await sleep(10);
  const stopSeconds = (performance.now() - startedMs) / 1000;
  await Promise.allSettled(streams);
  return stopSeconds;
}
