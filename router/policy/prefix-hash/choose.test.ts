import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyKey, anyReplicas, replicaOf, replicasOf, type NamedReplica } from '../../harness/replicas.ts';
import { boundsOf, byKey } from './choose.ts';

const loadFactor = 125;
const keys = Array.from({ length: 4_000 }, (_, at) => (at * 2_654_435_761) >>> 0);
const homeOf = (replicas: readonly NamedReplica[], key: number): string | undefined =>
  byKey(replicas, { key, loadFactor })?.id;
const homesOf = (replicas: readonly NamedReplica[]): (string | undefined)[] => keys.map((key) => homeOf(replicas, key));
const shareOf = (id: string, homes: readonly (string | undefined)[]): number =>
  homes.filter((home) => home === id).length / homes.length;

describe('requests with the same key', () => {
  it('find the same replica at every router, without a word between them', () => {
    const [here, there] = [replicasOf(5), replicasOf(5).toReversed()];
    expect(homesOf(there)).toEqual(homesOf(here));
  });

  it.each([2, 3, 8, 32])('are spread over %i replicas evenly', (count) => {
    const replicas = replicasOf(count);
    const homes = homesOf(replicas);
    // Four standard deviations of a fair draw.
    const off = 4 * Math.sqrt((1 / count) * (1 - 1 / count) * (1 / keys.length));
    for (const { id } of replicas) expect(Math.abs(shareOf(id, homes) - 1 / count)).toBeLessThan(off);
  });

  it.each([1, 2, 5, 16])(
    'move to a replica that joins %i others, and to no other; about its share of them',
    (count) => {
      const before = homesOf(replicasOf(count));
      const joined = replicaOf('new-one');
      const after = homesOf([...replicasOf(count), joined]);
      const moved = after.filter((home, at) => home !== before[at]);
      expect(new Set(moved)).toEqual(new Set([joined.id]));
      const share = 1 / (count + 1);
      expect(Math.abs(moved.length / keys.length - share)).toBeLessThan(
        4 * Math.sqrt((share * (1 - share)) / keys.length),
      );
    },
  );

  it.each([2, 5, 16])('stay where they are when another of %i replicas leaves', (count) => {
    const replicas = replicasOf(count);
    const before = homesOf(replicas);
    const [gone, ...rest] = replicas;
    const after = homesOf(rest);
    for (const [at, home] of before.entries()) if (home !== gone!.id) expect(after[at]).toBe(home);
  });

  it('that a new replica may not take yet go to where they went before it came', () => {
    const before = homesOf(replicasOf(3));
    const joined = replicaOf('new-one', { weight: 0.1, inFlight: 50 });
    expect(homesOf([...replicasOf(3), joined])).toEqual(before);
  });
});

describe('a load that is bounded', () => {
  it('is never exceeded while another has room below its own bound', () => {
    fc.assert(
      fc.property(anyReplicas, anyKey, fc.integer({ min: 100, max: 1_000 }), (replicas, key, factor) => {
        const chosen = byKey(replicas, { key, loadFactor: factor });
        if (!chosen) return;
        const bounds = boundsOf(replicas, factor);
        const others = replicas.filter(
          (replica) => replica.inFlight < replica.concurrency && replica.inFlight < bounds(replica),
        );
        if (others.length > 0) expect(chosen.inFlight + 1).toBeLessThanOrEqual(bounds(chosen));
      }),
    );
  });

  it('is never exceeded, and always within reach, as requests of few keys come and go', () => {
    const steps = fc.array(fc.record({ key: fc.nat(3), end: fc.boolean() }), { maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), steps, (count, given) => {
        const replicas = replicasOf(count).map((replica) => ({ ...replica, concurrency: 8 }));
        const running: NamedReplica[] = [];
        for (const { key, end } of given) {
          if (end || running.length === 8 * count) {
            const ended = running.shift();
            if (ended) ended.inFlight -= 1;
            continue;
          }
          const chosen = byKey(replicas, { key, loadFactor })!;
          chosen.inFlight += 1;
          running.push(chosen);
          expect(chosen.inFlight).toBeLessThanOrEqual(Math.max(4, Math.ceil((1.25 * running.length) / count)));
        }
      }),
    );
  });

  it('leaves half of its places to a replica, however little the others do', () => {
    const replicas = replicasOf(4).map((replica) => ({ ...replica, concurrency: 16 }));
    const homes = Array.from({ length: 9 }, () => {
      const chosen = byKey(replicas, { key: 7, loadFactor })!;
      chosen.inFlight += 1;
      return chosen.id;
    });
    expect(homes.filter((id) => id === homes[0])).toHaveLength(8);
    expect(homes[8]).not.toBe(homes[0]);
  });

  it('is as wide as ever where every replica is new', () => {
    const replicas = replicasOf(4).map((replica) => ({ ...replica, concurrency: 16 }));
    const fresh = replicas.map((replica) => ({ ...replica, weight: 0.1 }));
    expect(fresh.map(boundsOf(fresh, loadFactor))).toEqual(replicas.map(boundsOf(replicas, loadFactor)));
  });

  it('sends what is too much to the same next one, and what comes later home again', () => {
    const replicas = replicasOf(4).map((replica) => ({ ...replica, concurrency: 16 }));
    const home = byKey(replicas, { key: 7, loadFactor })!;
    home.inFlight = 10;
    const next = byKey(replicas, { key: 7, loadFactor })!;
    expect(next.id).not.toBe(home.id);
    expect(byKey(replicas, { key: 7, loadFactor })!.id).toBe(next.id);
    home.inFlight = 0;
    expect(byKey(replicas, { key: 7, loadFactor })!.id).toBe(home.id);
  });
});
