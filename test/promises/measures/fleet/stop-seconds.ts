import { showSpread, spreadOf } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';
import { startsAndStops } from './rounds.ts';

/** From Ctrl-C, in the middle of answers, until no process is left. */
export async function stopSeconds(): Promise<Measurement> {
  const spread = spreadOf((await startsAndStops()).map((round) => round.stopSeconds));
  return { value: spread.median, details: `each pool was answering; seconds ${showSpread(spread)}` };
}
