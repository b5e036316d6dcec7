import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseReplica } from './choose-replica.ts';
import { anyKey, anyReplicas, replicasOf, type NamedReplica } from '../harness/replicas.ts';
import { hasRoom } from './replica.ts';

const loadFactor = 125;

/** What every way to choose a replica promises, by what it goes by. */
describe.each([
  ['load', fc.constant(undefined)],
  ['what the request has in common with others', anyKey],
])('a replica that is chosen by %s', (_what, keys) => {
  const choose = (replicas: readonly NamedReplica[], key: number | undefined): NamedReplica | undefined =>
    chooseReplica(replicas, { key, loadFactor });

  it('has room, and there is one as long as any has', () => {
    fc.assert(
      fc.property(anyReplicas, keys, (replicas, key) => {
        const chosen = choose(replicas, key);
        expect(chosen === undefined).toBe(!replicas.some(hasRoom));
        if (chosen) expect(hasRoom(chosen)).toBe(true);
      }),
    );
  });

  it('is the same whatever order they are listed in, which differs from router to router', () => {
    const distinct = anyReplicas.map((replicas) => replicas.map((one, at) => ({ ...one, askedLast: at })));
    fc.assert(
      fc.property(distinct, keys, (replicas, key) => {
        expect(choose(replicas.toReversed(), key)?.id).toBe(choose(replicas, key)?.id);
      }),
    );
  });

  it('changes nothing about any of them', () => {
    fc.assert(
      fc.property(anyReplicas, keys, (replicas, key) => {
        const before = structuredClone(replicas);
        choose(replicas, key);
        expect(replicas).toEqual(before);
      }),
    );
  });

  it('leaves a new one its share of a steady load, and no more', () => {
    const replicas = replicasOf(4).map((replica) => ({ ...replica, concurrency: 100 }));
    replicas[3]!.weight = 0.1;
    let key = 1;
    for (let request = 0; request < 300; request += 1) {
      const chosen = choose(replicas, key);
      if (chosen) chosen.inFlight += 1;
      key += 7_919;
    }
    const inFlight = replicas.map((replica) => replica.inFlight);
    // A tenth of a share of 3.1, with what the load factor allows beyond it.
    expect(inFlight[3]).toBeGreaterThan(0);
    expect(inFlight[3]).toBeLessThanOrEqual(Math.ceil((1.25 * 300 * 0.1) / 3.1));
  });
});
