import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { seededRng } from '@qwenfleet/core/rng';
import { interval, type Interval } from './metrics.ts';

/** Cost and quality, each a mean over prompts. */
export type Spot = { cost: number; quality: number };
/** One prompt: the chances that the router sees, and what each tier's model scored. */
export type Trial = { p: Readonly<Record<Tier, number>>; scores: Readonly<Record<Tier, number>> };
export type Hull = {
  /** Each pool alone. */
  pools: Record<Tier, Spot>;
  /** The router, from cheapest to dearest, as lambda falls. */
  router: Spot[];
  /** Quality above the best mix of pools at the same cost, averaged over the costs between cheapest and dearest. */
  gain: Interval;
};

const resamples = 200;
/** Lambdas: from where only cost counts to where it does not. */
const lambdas = Array.from({ length: 41 }, (_, at) => (at === 40 ? 0 : 3 * 0.86 ** at));
const costSteps = 40;

/**
 * What three tiers and a router gain over the pools and their random mixes, whose best are the upper hull of the pools'
 * spots: argmax p - lambda * cost for every lambda, costs as given.
 */
export function hullOf(trials: readonly Trial[], costs: Readonly<Record<Tier, number>>, seed: number): Hull {
  const choices = lambdas.map((lambda) => trials.map(({ p }) => choose(p, costs, lambda)));
  const spotsOf = (counts?: Int32Array): { pools: Record<Tier, Spot>; router: Spot[] } => ({
    pools: poolSpots(trials, costs, counts),
    router: choices.map((chosen) => spot(trials, (at) => chosen[at] ?? 'medium', costs, counts)),
  });
  const rng = seededRng(seed);
  const draws: number[] = [];
  for (let round = 0; round < resamples; round++) {
    const counts = new Int32Array(trials.length);
    for (let draw = 0; draw < trials.length; draw++) {
      const at = Math.floor(rng() * trials.length);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    draws.push(gainOf(spotsOf(counts)));
  }
  const found = spotsOf();
  return { ...found, gain: interval(gainOf(found), draws) };
}

function choose(p: Trial['p'], costs: Readonly<Record<Tier, number>>, lambda: number): Tier {
  const worth = (tier: Tier): number => p[tier] - lambda * costs[tier];
  return tiers.reduce((so, tier) => (worth(tier) > worth(so) ? tier : so));
}

function poolSpots(
  trials: readonly Trial[],
  costs: Readonly<Record<Tier, number>>,
  counts?: Int32Array,
): Record<Tier, Spot> {
  const of = (tier: Tier): Spot => spot(trials, () => tier, costs, counts);
  return { small: of('small'), medium: of('medium'), large: of('large') };
}

function spot(
  trials: readonly Trial[],
  chosen: (at: number) => Tier,
  costs: Readonly<Record<Tier, number>>,
  counts?: Int32Array,
): Spot {
  const sum = { cost: 0, quality: 0, count: 0 };
  for (const [at, trial] of trials.entries()) {
    const tier = chosen(at);
    const count = counts?.[at] ?? 1;
    sum.cost += count * costs[tier];
    sum.quality += count * trial.scores[tier];
    sum.count += count;
  }
  return { cost: sum.cost / sum.count, quality: sum.quality / sum.count };
}

function gainOf({ pools, router }: { pools: Record<Tier, Spot>; router: readonly Spot[] }): number {
  const single = upperHull(Object.values(pools));
  // Not the router's hull: that would choose its luckiest lambdas.
  const routed = [pools.small, ...router, pools.large].toSorted((a, b) => a.cost - b.cost);
  const [from, until] = [pools.small.cost, pools.large.cost];
  let sum = 0;
  for (let step = 0; step < costSteps; step++) {
    const cost = from + ((step + 0.5) / costSteps) * (until - from);
    sum += qualityAt(routed, cost) - qualityAt(single, cost);
  }
  return sum / costSteps;
}

/** The best that mixes of these spots reach, from cheapest to dearest. */
export function upperHull(spots: readonly Spot[]): Spot[] {
  const hull: Spot[] = [];
  for (const next of spots.toSorted((a, b) => a.cost - b.cost || b.quality - a.quality)) {
    if (hull.at(-1)?.cost === next.cost) continue;
    while (hull.length >= 2 && turnsUp(hull.at(-2), hull.at(-1), next)) hull.pop();
    hull.push(next);
  }
  return hull;
}

function turnsUp(a: Spot | undefined, b: Spot | undefined, c: Spot): boolean {
  if (!a || !b) return false;
  return (b.quality - a.quality) * (c.cost - a.cost) <= (c.quality - a.quality) * (b.cost - a.cost);
}

function qualityAt(line: readonly Spot[], cost: number): number {
  for (let at = 1; at < line.length; at++) {
    const [a, b] = [line[at - 1], line[at]];
    if (!a || !b || cost > b.cost) continue;
    return a.quality + ((cost - a.cost) / (b.cost - a.cost || 1)) * (b.quality - a.quality);
  }
  return line.at(-1)?.quality ?? Number.NaN;
}
