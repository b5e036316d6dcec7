import { replay, startBothPools } from '../../../harness/conversations.ts';
import type { Measurement } from '../../promise.ts';

const replicas = 4;
const load = { conversations: 96, turns: 4, programs: 12, atOnce: 12, seed: 1 };

/** Percent of the later turns that come to a replica which has all of the prompt before them. */
export async function prefixHits(): Promise<Measurement> {
  const fleet = await startBothPools(replicas);
  try {
    // By load first: replicas that came up one after another are no longer new when affinity is measured.
    const spread = await replay(fleet.url, 'spread', load);
    const affine = await replay(fleet.url, 'affine', load);
    const [later = Number.NaN, laterByLoad = Number.NaN] = [affine, spread].map(
      ({ found, later: of }) => (100 * found) / of,
    );
    const [tokens, tokensByLoad] = [affine, spread].map(
      ({ cached, prompt }) => `${((100 * cached) / prompt).toFixed(0)} %`,
    );
    const { conversations, turns, programs, atOnce } = load;
    const details = `${laterByLoad.toFixed(0)} % by load alone; ${tokens} of all prompt tokens against ${tokensByLoad}; ${conversations} conversations of ${turns} turns with ${programs} programs, ${atOnce} at once, ${replicas} replicas`;
    return { value: later, details };
  } finally {
    await fleet.stop();
  }
}
