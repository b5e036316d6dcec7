import { tiers } from '@qwenfleet/core/fleet/tier';
import type { PoolView, Weighing } from '../policy.ts';

export type Candidate = { pool: PoolView; p: number };

/** p - lambda * cost - mu * wait: what a pool is worth for one prompt. An answer that is not given is not right. */
export const worth = ({ pool, p }: Candidate, { costWeight, waitWeight }: Weighing): number =>
  p * served(pool) - costWeight * pool.costPerToken - (waitWeight * pool.waitMs) / 1000;

/**
 * From the first pressure on requests move elsewhere, all of them from the second: the wait is an estimate, and those
 * who are told 15 s of 20 must not be turned away for every answer that takes longer than usual.
 */
const [pressureFrom, pressureTo] = [0.25, 0.75];

/** Chance that a pool takes a request at all. */
const served = ({ pressure }: PoolView): number =>
  Math.min(1, Math.max(0, (pressureTo - pressure) / (pressureTo - pressureFrom)));

/** The same pools as if nobody waited for them. */
export const atOnce = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.map(({ pool, p }) => ({ p, pool: { ...pool, waitMs: 0, pressure: 0 } }));

/** The candidate that is worth most; of equals the cheaper, then the first by name. */
export function best(candidates: readonly Candidate[], objective: Weighing): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>((so, candidate) => {
    if (so === undefined) return candidate;
    const difference = worth(candidate, objective) - worth(so, objective);
    return difference > 0 || (difference === 0 && comesFirst(candidate, so)) ? candidate : so;
  }, undefined);
}

/**
 * Where a prompt goes that says nothing: the medium tier, or what lies in the middle of what there is, as long as its
 * queue is not about to overflow. Within the tier the pool that is worth most.
 */
export function middle(candidates: readonly Candidate[], objective: Weighing): Candidate | undefined {
  const calm = candidates.filter(({ pool }) => served(pool) > 0.5);
  const open = calm.length > 0 ? calm : candidates;
  const present = tiers.filter((tier) => open.some(({ pool }) => pool.tier === tier));
  const tier = present.includes('medium') ? 'medium' : present.at(-1);
  return best(
    open.filter(({ pool }) => pool.tier === tier),
    objective,
  );
}

/**
 * The cost weight below which the large tier is worth most, when nobody waits: the least that a cheaper pool asks for
 * giving up its lead. Infinite when no other pool can answer, -infinite when none of the tier can.
 */
export function largePrice(candidates: readonly Candidate[]): number {
  const others = candidates.filter(({ pool }) => pool.tier !== 'large');
  const prices = candidates
    .filter(({ pool }) => pool.tier === 'large')
    .map(({ p, pool }) => Math.min(...others.map((other) => priceOver(other, { p, cost: pool.costPerToken }))));
  return Math.max(-Infinity, ...prices);
}

/** A pool that is no cheaper gives the large one no price: it is better at any, or worse at any. */
function priceOver({ p, pool }: Candidate, large: { p: number; cost: number }): number {
  const saved = large.cost - pool.costPerToken;
  if (saved > 0) return (large.p - p) / saved;
  return large.p >= p ? Infinity : -Infinity;
}

/** Share of the distance between the best and the next best that is beyond doubt: 0 for a tie, 1 from `sureGap` on. */
export function confidenceOf(chosen: Candidate, others: readonly Candidate[], objective: Weighing): number {
  if (others.length === 0) return 1;
  const next = Math.max(...others.map((other) => worth(other, objective)));
  return Math.min(1, Math.max(0, (worth(chosen, objective) - next) / sureGap));
}

const sureGap = 0.2;

function comesFirst({ pool: a }: Candidate, { pool: b }: Candidate): boolean {
  return a.costPerToken === b.costPerToken ? a.name < b.name : a.costPerToken < b.costPerToken;
}
