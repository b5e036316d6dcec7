import { describe, expect, it } from 'vitest';
import { loads, simulate } from './simulate.ts';

describe.each(Object.entries(loads))('conversations of %s', (_name, load) => {
  it.each([1, 2])('are answered no later by affinity than by load alone, from fuller caches (seed %i)', (seed) => {
    const [affine, spread] = [simulate('PrefixHash', load, seed), simulate('LeastLoad', load, seed)];
    expect(affine.cachedShare).toBeGreaterThan(spread.cachedShare);
    expect(affine.firstByteMs).toBeLessThanOrEqual(spread.firstByteMs);
    expect(affine.firstByteP95Ms).toBeLessThanOrEqual(spread.firstByteP95Ms * 1.1);
    expect(affine.totalMs).toBeLessThanOrEqual(spread.totalMs * 1.05);
    expect(affine.totalP95Ms).toBeLessThanOrEqual(spread.totalP95Ms * 1.1);
  });
});
