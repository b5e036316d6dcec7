import { describe, expect, it } from 'vitest';
import { Pool } from './harness/pool.ts';
import { withWake } from './wake.ts';

describe('a pool at zero that a router woke', () => {
  const pool = new Pool({ desired: 2 });
  pool.desired = 0;
  pool.run(3_000);
  const one = [{ revision: 'a', replicas: 1, ready: 0, weight: 100 }];

  it('keeps the replica that it was given', () => {
    expect(pool.state.told).toEqual({ a: 0 });
    expect(withWake(pool.state, one, 1).told).toEqual({ a: 1 });
  });

  it.each([
    ['the scaler wants none', one, 0],
    ['there are more than a router may give', [{ ...one[0]!, replicas: 2 }], 1],
    ['it is not the revision that serves', [{ ...one[0]!, revision: 'b' }], 1],
  ])('is told its number again where %s', (_why, revisions, desired) => {
    expect(withWake(pool.state, revisions, desired)).toBe(pool.state);
  });
});
