import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';

export type PricedPool = {
  name: string;
  tier: Tier;
  spec: QwenDeployment['spec'];
  hardwareClass: HardwareClass | undefined;
};

/**
 * A token costs what reading the weights costs, and that grows with their number: 7 billion in the small tier, 70 in the
 * large one. The middle is taken at their geometric mean, for its models differ most (Qwen2.5: 14 and 32 billion). Used
 * where prices are not known, because it is true to the order of the tiers whatever the hardware.
 */
const tierCost: Record<Tier, number> = { small: 7 / 70, medium: Math.sqrt(7 / 70), large: 1 };

/**
 * Price of a token in each pool, relative to the dearest. From prices when every pool has one: what an external server
 * charges, or the hardware's price per hour over the tokens that it writes. Otherwise by tier for all of them: a fleet
 * where some prices are money and others are guesses would compare the two.
 */
export function relativeCosts(pools: readonly PricedPool[]): { costs: Map<string, number>; source: 'price' | 'tier' } {
  const prices = pools.map(pricePerToken);
  const known = prices.every((price) => price !== undefined);
  const raw = pools.map((pool, at) => (known ? (prices[at] ?? 0) : tierCost[pool.tier]));
  const dearest = Math.max(...raw);
  const costs = pools.map(({ name }, at): [string, number] => [name, dearest === 0 ? 0 : (raw[at] ?? 0) / dearest]);
  return { costs: new Map(costs), source: known ? 'price' : 'tier' };
}

/** In the currency of the hardware classes; undefined when price or speed are not known. */
function pricePerToken({ tier, spec, hardwareClass }: PricedPool): number | undefined {
  if (spec.engine.type === 'external') {
    return spec.engine.pricePerMillionTokens === undefined
      ? undefined
      : Number(spec.engine.pricePerMillionTokens) / 1e6;
  }
  const perHour = hardwareClass?.spec.pricePerHour;
  const perSecond = Number(hardwareClass?.spec.tokensPerSecond?.[tier] ?? 0);
  if (perHour === undefined || perSecond === 0) return undefined;
  // Speed is per device too, so the number of devices cancels out.
  return Number(perHour) / 3600 / perSecond;
}

/** The tier that answers in place of one that cannot: the first in the router's order that is another. */
export const fallbackFrom = (order: readonly Tier[], tier: Tier): Tier | undefined =>
  order.find((candidate) => candidate !== tier && tiers.includes(candidate));
