import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import type { HardwareClass } from '@qwenfleet/crds/kinds';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deploymentOf, hardwareOf } from '../../../harness/objects.ts';
import { fallbackFrom, relativeCosts, type PricedPool } from './cost.ts';

const pool = (name: string, tier: Tier, hardwareClass?: HardwareClass): PricedPool => ({
  name,
  tier,
  spec: deploymentOf({ tier }).spec,
  hardwareClass,
});
const external = (name: string, tier: Tier, pricePerMillionTokens?: string): PricedPool => ({
  name,
  tier,
  spec: deploymentOf({
    tier,
    engine: { type: 'external', url: 'http://a:1', ...(pricePerMillionTokens && { pricePerMillionTokens }) },
    hardware: undefined,
    model: { servedName: name },
  }).spec,
  hardwareClass: undefined,
});
const gpu = (pricePerHour: string, tokensPerSecond: Partial<Record<Tier, string>>): HardwareClass =>
  hardwareOf('gpu', { pricePerHour, tokensPerSecond });

const costsOf = (pools: readonly PricedPool[]): Record<string, number> =>
  Object.fromEntries(relativeCosts(pools).costs);

describe('the cost of a token', () => {
  it('is by tier where nobody knows prices, and rises with it', () => {
    const pools = tiers.map((tier) => pool(tier, tier));
    expect(relativeCosts(pools).source).toBe('tier');
    const { small, medium, large } = costsOf(pools);
    expect([small, large]).toEqual([0.1, 1]);
    expect(medium).toBeCloseTo(0.316, 3);
  });

  it('is by price where every pool has one: price an hour over tokens an hour', () => {
    const l4 = gpu('0.72', { small: '2000' });
    const h100 = gpu('7.2', { large: '1000' });
    const found = relativeCosts([pool('a', 'small', l4), pool('b', 'large', h100)]);
    expect(found.source).toBe('price');
    expect(found.costs.get('b')).toBe(1);
    expect(found.costs.get('a')).toBeCloseTo(0.72 / 2000 / (7.2 / 1000), 12);
  });

  it('of an external server is what it charges, comparable to hardware', () => {
    const owned = gpu('3.6', { small: '1000' });
    const found = relativeCosts([pool('own', 'small', owned), external('bought', 'large', '10')]);
    expect(found.source).toBe('price');
    // One unit of money an hour buys 1000 tokens a second: 1 a million. The other charges 10.
    expect(found.costs.get('own')).toBeCloseTo(0.1, 12);
  });

  it('can turn the order of the tiers around when the small pool is the dear one', () => {
    const costs = costsOf([external('small', 'small', '30'), external('large', 'large', '3')]);
    expect(costs).toEqual({ small: 1, large: 0.1 });
  });

  it.each<[string, PricedPool]>([
    ['an external server that does not say', external('other', 'large')],
    ['hardware without a price', pool('other', 'large', hardwareOf('cpu', { tokensPerSecond: { large: '10' } }))],
    ['hardware whose speed nobody measured', pool('other', 'large', gpu('9', { small: '10' }))],
    ['hardware that there is not', pool('other', 'large')],
  ])('is by tier for all as soon as one is not known: %s', (_, other) => {
    const found = relativeCosts([external('priced', 'small', '500'), other]);
    expect(found.source).toBe('tier');
    expect(Object.fromEntries(found.costs)).toEqual({ priced: 0.1, other: 1 });
  });

  it('is nothing for all when all are free', () => {
    expect(costsOf([external('a', 'small', '0'), external('b', 'large', '0')])).toEqual({ a: 0, b: 0 });
  });

  it('lies between 0 and 1, and the dearest is 1, whatever the prices', () => {
    const prices = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(prices, (given) => {
        const costs = Object.values(costsOf(given.map((price, at) => external(`p${at}`, 'small', String(price)))));
        expect(Math.max(...costs)).toBe(1);
        expect(Math.min(...costs)).toBeGreaterThan(0);
        for (const [at, price] of given.entries()) expect(costs[at]).toBeCloseTo(price / Math.max(...given), 9);
      }),
    );
  });
});

describe('the tier that answers instead', () => {
  it.each<[readonly Tier[], Tier, Tier | undefined]>([
    [['medium', 'large', 'small'], 'small', 'medium'],
    [['medium', 'large', 'small'], 'medium', 'large'],
    [['small'], 'small', undefined],
    [[], 'large', undefined],
  ])('of %j for %s is %s', (order, tier, wanted) => {
    expect(fallbackFrom(order, tier)).toBe(wanted);
  });
});
