import { showSpread, spreadOf } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';
import { startsAndStops } from './rounds.ts';

/** From the command until each of three pools has answered. */
export async function readySeconds(): Promise<Measurement> {
  const spread = spreadOf((await startsAndStops()).map((round) => round.readySeconds));
  return { value: spread.median, details: `profile demo; seconds ${showSpread(spread)}` };
}
