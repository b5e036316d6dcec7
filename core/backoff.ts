import type { Rng } from './rng.ts';

export type BackoffPolicy = { baseMs: number; maxMs: number; factor: number };

/**
 * Delay before attempt `attempt` (0 is the first retry), exponential and capped.
 * Equal jitter, so that half of the delay is a floor: full jitter can be about 0 ms, which hammers a struggling peer.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, rng: Rng): number {
  const cappedMs = Math.min(policy.maxMs, policy.baseMs * policy.factor ** attempt);
  return cappedMs / 2 + (cappedMs / 2) * rng();
}
