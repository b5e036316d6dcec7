import type { Measurement } from '../../promise.ts';
import { startsAndStops } from './rounds.ts';

/** The most lines that a start wrote to standard output. */
export async function startLines(): Promise<Measurement> {
  return { value: Math.max(...(await startsAndStops()).map(({ lines }) => lines)) };
}
