import { setTimeout as sleep } from 'node:timers/promises';
import { streamChat, user, type StreamedChat } from '../../../harness/chat.ts';
import { countEndings, endingOf, type Ended } from '../../../harness/ending.ts';
import { eventually, startFleet, type RunningFleet } from '../../../harness/fleet.ts';
import { eightPrompts } from '../../../harness/prompts.ts';
import { replicaOf } from '../../../harness/replicas.ts';
import type { Measurement } from '../../promise.ts';

const pool = 'small';
/** Into the answers: among the first tokens, and when some are done and others wait. */
const killAfterMs = [300, 1_200] as const;
/** More than the pool answers at once, so that some have no first byte when the process dies. */
const prompts = [...eightPrompts, ...eightPrompts.slice(0, 6).map((prompt) => `${prompt} Be brief.`)];

/**
 * Requests that were lost, cut without a word, or answered with other tokens than without the kill. One that ends in an
 * error chunk has been told, so that it is not lost.
 */
export async function lostRequests(): Promise<Measurement> {
  const fleet = await startFleet();
  try {
    const wanted = await askAll(fleet);
    if (wanted.some(({ ending }) => ending !== 'whole')) throw new Error('a request failed without any kill');
    const ended: Ended[] = [];
    let lost = 0;
    for (const afterMs of killAfterMs) {
      const round = await killUnderLoad(fleet, afterMs);
      lost += round.filter((one, at) => isLost(one, wanted[at]?.text)).length;
      ended.push(...round);
    }
    const counts = Object.entries(countEndings(ended)).map(([ending, count]) => `${count} ${ending}`);
    return { value: lost, details: `${killAfterMs.length} kills, ${ended.length} requests: ${counts.join(', ')}` };
  } finally {
    await fleet.stop();
  }
}

const askAll = (fleet: RunningFleet): Promise<Ended[]> =>
  Promise.all(prompts.map((prompt) => endingOf(ask(fleet, prompt))));

const ask = (fleet: RunningFleet, prompt: string): Promise<StreamedChat> =>
  streamChat(fleet.url, { model: pool, messages: [user(prompt)], temperature: 0, max_tokens: 48 });

async function killUnderLoad(fleet: RunningFleet, afterMs: number): Promise<Ended[]> {
  const { pid } = await replicaOf(fleet, pool);
  const asked = askAll(fleet);
  await eventually(
    fleet.pools,
    (pools) => pools.some(({ name, inFlight }) => name === pool && inFlight > 0),
    20_000,
    10,
  );
  await sleep(afterMs);
  process.kill(pid, 'SIGKILL');
  return asked;
}

function isLost({ ending, text }: Ended, wanted: string | undefined): boolean {
  if (ending === 'whole') return text !== wanted;
  return ending === 'broken' || ending === 'silent';
}
