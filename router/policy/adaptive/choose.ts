import { tiers } from '@qwenfleet/core/fleet/tier';
import type { Objective, PoolView } from '../policy.ts';

export type Candidate = { pool: PoolView; p: number };

/** p - lambda * cost - mu * wait: what a pool is worth for one prompt. */
export const worth = ({ pool, p }: Candidate, { costWeight, waitWeight }: Objective): number =>
  p - costWeight * pool.costPerToken - (waitWeight * pool.waitMs) / 1000;

/** The candidate that is worth most; of equals the cheaper, then the first by name. */
export function best(candidates: readonly Candidate[], objective: Objective): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>((so, candidate) => {
    if (so === undefined) return candidate;
    const difference = worth(candidate, objective) - worth(so, objective);
    return difference > 0 || (difference === 0 && comesFirst(candidate, so)) ? candidate : so;
  }, undefined);
}

/**
 * Where a prompt goes that says nothing: the medium tier, or what lies in the middle of what there is. Within the tier
 * the pool that is worth most.
 */
export function middle(candidates: readonly Candidate[], objective: Objective): Candidate | undefined {
  const present = tiers.filter((tier) => candidates.some(({ pool }) => pool.tier === tier));
  const tier = present.includes('medium') ? 'medium' : present.at(-1);
  return best(
    candidates.filter(({ pool }) => pool.tier === tier),
    objective,
  );
}

/** Share of the distance between the best and the next best that is beyond doubt: 0 for a tie, 1 from `sureGap` on. */
export function confidenceOf(chosen: Candidate, others: readonly Candidate[], objective: Objective): number {
  if (others.length === 0) return 1;
  const next = Math.max(...others.map((other) => worth(other, objective)));
  return Math.min(1, Math.max(0, (worth(chosen, objective) - next) / sureGap));
}

const sureGap = 0.2;

function comesFirst({ pool: a }: Candidate, { pool: b }: Candidate): boolean {
  return a.costPerToken === b.costPerToken ? a.name < b.name : a.costPerToken < b.costPerToken;
}
