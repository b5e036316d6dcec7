import type { Signal } from '../../scale/types.ts';
import type { MergedLoad } from './merge.ts';

/**
 * What the scaler hears of a pool. Without a word from a router it hears nothing; with a router silent it hears what is
 * held, so that nobody waits in vain, but no figure that would let it shrink.
 */
export function signalOf(
  merged: MergedLoad | undefined,
  { metric, ready, maxConcurrency }: { metric: string; ready: number; maxConcurrency: number },
): Signal | undefined {
  if (!merged) return undefined;
  const { inFlight, held, idleMs } = merged.load;
  const beyond = Math.max(0, inFlight - ready * maxConcurrency);
  const values: Record<string, number> = { Concurrency: inFlight + held, QueueDepth: held + beyond };
  return { value: merged.complete ? values[metric] : undefined, inFlight, held, idleMs };
}
