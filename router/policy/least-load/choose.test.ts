import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplicaView } from '../replica.ts';
import { leastLoaded } from './choose.ts';

const replica = (id: string, inFlight: number, more: Partial<ReplicaView> = {}) => ({
  id,
  hash: 0,
  inFlight,
  concurrency: 4,
  weight: 1,
  askedLast: 0,
  ...more,
});

describe('the replica with the least load', () => {
  it('is the one that does least', () => {
    expect(leastLoaded([replica('a', 2), replica('b', 1), replica('c', 3)])?.id).toBe('b');
  });

  it('of equals is the one that was asked longest ago', () => {
    const [a, b, c] = [5, 3, 4].map((askedLast, at) => replica('abc'[at]!, 1, { askedLast }));
    expect(leastLoaded([a!, b!, c!])?.id).toBe('b');
  });

  it('is a new one for its share only, and for all that others cannot take', () => {
    const old = replica('old', 4, { concurrency: 32 });
    const fresh = replica('new', 1, { concurrency: 32, weight: 0.1 });
    expect(leastLoaded([old, fresh])?.id).toBe('old');
    expect(leastLoaded([{ ...old, inFlight: 11 }, fresh])?.id).toBe('new');
    expect(leastLoaded([old, { ...fresh, inFlight: 0 }])?.id).toBe('new');
    expect(
      leastLoaded([
        { ...old, inFlight: 32 },
        { ...fresh, inFlight: 31 },
      ])?.id,
    ).toBe('new');
  });

  it('is nobody when all are full or there is none', () => {
    expect(leastLoaded([replica('a', 4), replica('b', 4)])).toBeUndefined();
    expect(leastLoaded([])).toBeUndefined();
  });

  it('may be full while a smaller one has room', () => {
    expect(leastLoaded([replica('small', 1, { concurrency: 1 }), replica('large', 3, { concurrency: 8 })])?.id).toBe(
      'large',
    );
  });

  it('is never beaten by another with room', () => {
    const load = fc.record({ inFlight: fc.nat(8), concurrency: fc.integer({ min: 1, max: 8 }) });
    fc.assert(
      fc.property(fc.array(load), (loads) => {
        const replicas = loads.map(({ inFlight, concurrency }) => replica('', inFlight, { concurrency }));
        const chosen = leastLoaded(replicas);
        const withRoom = replicas.filter(({ inFlight, concurrency }) => inFlight < concurrency);
        expect(chosen?.inFlight).toBe(
          withRoom.length === 0 ? undefined : Math.min(...withRoom.map(({ inFlight }) => inFlight)),
        );
      }),
    );
  });
});
