import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastLoaded } from './choose.ts';

const replica = (id: string, inFlight: number, concurrency = 4) => ({ id, inFlight, concurrency });

describe('the replica with the least load', () => {
  it('is the one that does least, of equals the first', () => {
    expect(leastLoaded([replica('a', 2), replica('b', 1), replica('c', 1)])?.id).toBe('b');
  });

  it('is nobody when all are full or there is none', () => {
    expect(leastLoaded([replica('a', 4), replica('b', 4)])).toBeUndefined();
    expect(leastLoaded([])).toBeUndefined();
  });

  it('may be full while a smaller one has room', () => {
    expect(leastLoaded([replica('small', 1, 1), replica('large', 3, 8)])?.id).toBe('large');
  });

  it('is never beaten by another with room', () => {
    const load = fc.record({ inFlight: fc.nat(8), concurrency: fc.integer({ min: 1, max: 8 }) });
    fc.assert(
      fc.property(fc.array(load), (replicas) => {
        const chosen = leastLoaded(replicas);
        const withRoom = replicas.filter(({ inFlight, concurrency }) => inFlight < concurrency);
        expect(chosen?.inFlight).toBe(
          withRoom.length === 0 ? undefined : Math.min(...withRoom.map(({ inFlight }) => inFlight)),
        );
      }),
    );
  });
});
