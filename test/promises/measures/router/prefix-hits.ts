import { pools, replay, startBothPools, type Replayed } from '../../../harness/conversations.ts';
import type { Measurement } from '../../promise.ts';

const replicas = 4;
const load = { conversations: 96, turns: 4, programs: 12, atOnce: 12, seed: 1 };

/** Percent of the later turns that come to a replica which has all of the prompt before them. */
export async function prefixHits(): Promise<Measurement> {
  const fleet = await startBothPools(replicas);
  try {
    const replayed: Replayed[] = [];
    for (const pool of pools) replayed.push(await replay(fleet.url, pool, load));
    const [later = Number.NaN, laterByLoad = Number.NaN] = replayed.map(({ found, later: of }) => (100 * found) / of);
    const [tokens, tokensByLoad] = replayed.map(({ cached, prompt }) => `${((100 * cached) / prompt).toFixed(0)} %`);
    const { conversations, turns, programs, atOnce } = load;
    const details = `${laterByLoad.toFixed(0)} % by load alone; ${tokens} of all prompt tokens against ${tokensByLoad}; ${conversations} conversations of ${turns} turns with ${programs} programs, ${atOnce} at once, ${replicas} replicas`;
    return { value: later, details };
  } finally {
    await fleet.stop();
  }
}
