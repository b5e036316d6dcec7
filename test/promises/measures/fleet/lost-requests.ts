import { streamChat, user, type StreamedChat } from '../../../harness/chat.ts';
import { countEndings, endingOf, type Ended } from '../../../harness/ending.ts';
import { startFleet, type RunningFleet } from '../../../harness/fleet.ts';
import { eightPrompts } from '../../../harness/prompts.ts';
import { replicaOf } from '../../../harness/replicas.ts';
import type { Measurement } from '../../promise.ts';

const pool = 'small';
/** The process dies as soon as so many streams have begun, or so many have ended. */
const killAt = [
  { begun: 4, ended: 0 },
  { begun: 0, ended: 3 },
] as const;
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
    for (const moment of killAt) {
      const round = await killUnderLoad(fleet, moment);
      lost += round.filter((one, at) => isLost(one, wanted[at]?.text)).length;
      ended.push(...round);
    }
    const counts = Object.entries(countEndings(ended)).map(([ending, count]) => `${count} ${ending}`);
    return { value: lost, details: `${killAt.length} kills, ${ended.length} requests: ${counts.join(', ')}` };
  } finally {
    await fleet.stop();
  }
}

/** All prompts at once; `seen` hears of each stream when it begins and when it ends. */
const askAll = (fleet: RunningFleet, seen: (what: 'begun' | 'ended') => void = () => undefined): Promise<Ended[]> =>
  Promise.all(prompts.map((prompt) => endingOf(ask(fleet, prompt, () => seen('begun'))).finally(() => seen('ended'))));

function ask(fleet: RunningFleet, prompt: string, onBegun: () => void): Promise<StreamedChat> {
  const body = { model: pool, messages: [user(prompt)], temperature: 0, max_tokens: 48 };
  let begun = false;
  return streamChat(fleet.url, body, undefined, () => {
    if (!begun) onBegun();
    begun = true;
  });
}

async function killUnderLoad(fleet: RunningFleet, moment: (typeof killAt)[number]): Promise<Ended[]> {
  const { pid } = await replicaOf(fleet, pool);
  const counts = { begun: 0, ended: 0 };
  let killed = false;
  return askAll(fleet, (what) => {
    counts[what] += 1;
    if (killed || counts.begun < moment.begun || counts.ended < moment.ended) return;
    killed = true;
    process.kill(pid, 'SIGKILL');
  });
}

function isLost({ ending, text }: Ended, wanted: string | undefined): boolean {
  if (ending === 'whole') return text !== wanted;
  return ending === 'broken' || ending === 'silent';
}
