import { seededRng } from '@qwenfleet/core/rng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { armsOf, drawArms, mayAnswer, type Weights } from './arms.ts';

type Replica = { id: string; revision: string | undefined };
const replica = (revision: string | undefined, id = revision ?? 'none'): Replica => ({ id, revision });

/** Share of many requests whose drawn arm holds replicas of a revision, in percent. */
function shareOf(revision: string, replicas: readonly Replica[], weights: Weights): number {
  const rng = seededRng(1);
  const many = 20_000;
  const arms = armsOf(replicas, weights);
  const hits = Array.from({ length: many }, () => drawArms(arms, rng())[0]).filter((arm) =>
    arm?.replicas.some((one) => one.revision === revision),
  );
  return (100 * hits.length) / many;
}

describe('a pool without weights', () => {
  it('is one arm, whatever its replicas run', () => {
    const replicas = [replica('a'), replica('b'), replica(undefined)];
    expect(armsOf(replicas, {})).toEqual([{ weight: 100, replicas }]);
  });

  it('has no arm while it has no replica', () => {
    expect(drawArms(armsOf([], {}), 0.5)).toEqual([]);
  });
});

describe('a canary', () => {
  const replicas = [replica('stable'), replica('canary')];

  it.each([1, 5, 25, 50, 99])('with a weight of %i %% gets that share of the requests', (weight) => {
    const weights = { canary: weight };
    expect(shareOf('canary', replicas, weights)).toBeCloseTo(weight, 0);
    expect(shareOf('stable', replicas, weights)).toBeCloseTo(100 - weight, 0);
  });

  it('hands requests on when it is full, and takes none beyond its share when the others are', () => {
    const arms = armsOf(replicas, { canary: 5 });
    const canary = drawArms(arms, 0.01).map((arm) => arm.replicas[0]?.id);
    const stable = drawArms(arms, 0.99).map((arm) => arm.replicas[0]?.id);
    expect(canary).toEqual(['canary', 'stable']);
    expect(stable).toEqual(['stable']);
  });

  it('that has no replica leaves its share to the others', () => {
    expect(shareOf('stable', [replica('stable')], { canary: 50 })).toBe(100);
  });

  it('gets nothing with a weight of zero, not even when it is all there is', () => {
    expect(drawArms(armsOf([replica('canary')], { canary: 0 }), 0.5)).toEqual([]);
    expect(mayAnswer(replica('canary'), { canary: 0 })).toBe(false);
  });

  it('with all of the weight leaves nothing for what is not named', () => {
    expect(mayAnswer(replica('old'), { new: 100 })).toBe(false);
    expect(mayAnswer(replica(undefined), { a: 33.3, b: 33.3, c: 33.4 })).toBe(false);
    expect(mayAnswer(replica('old'), { new: 99 })).toBe(true);
  });

  it('may be called after anything that objects inherit', () => {
    expect(armsOf([replica('constructor')], { other: 40 })).toMatchObject([{ weight: 60 }]);
  });
});

describe('any weights', () => {
  it('never draw a replica without weight, and the same ticket draws the same arm', () => {
    const revisions = ['a', 'b', 'c', 'd'];
    const weightsOf = fc.dictionary(fc.constantFrom(...revisions), fc.integer({ min: 0, max: 25 }));
    const replicasOf = fc.array(fc.constantFrom(undefined, ...revisions).map((revision) => replica(revision)));
    fc.assert(
      fc.property(
        weightsOf,
        replicasOf,
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (weights, seen, ticket) => {
          const arms = drawArms(armsOf(seen, weights), ticket);
          expect(drawArms(armsOf(seen, weights), ticket)).toEqual(arms);
          expect(arms.length > 0).toBe(seen.some((one) => mayAnswer(one, weights)));
          for (const one of arms.flatMap((arm) => arm.replicas)) expect(mayAnswer(one, weights)).toBe(true);
          for (const arm of arms.slice(1)) expect(arm.weight).toBeGreaterThanOrEqual(arms[0]?.weight ?? 0);
        },
      ),
    );
  });
});
