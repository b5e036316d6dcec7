import { seededRng } from '@qwenfleet/core/rng';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, conversation, startBothPools, type Pool } from '../harness/conversations.ts';

let fleet: Awaited<ReturnType<typeof startBothPools>>;
beforeAll(async () => {
  fleet = await startBothPools(2);
});
afterAll(async () => {
  await fleet?.stop();
});

/** An odd number: where two replicas take turns, each second turn comes to the one that has not seen the first. */
const many = 5;

/** Cached tokens of each second turn, once all first turns have been answered. */
async function secondTurns(pool: Pool): Promise<number[]> {
  const rng = seededRng(3);
  const all = Array.from({ length: many }, (_, at) => conversation(2, `${at} is a program of its own`, rng));
  const cached: number[] = [];
  for (const turn of [0, 1])
    for (const turns of all) {
      const found = await ask(fleet.url, pool, turns[turn]!);
      if (turn === 1) cached.push(found.cached);
    }
  return cached;
}

describe('the second turn of a conversation, on two replicas', () => {
  it('finds what the first has computed', async () => {
    for (const cached of await secondTurns('affine')) expect(cached).toBeGreaterThan(0);
  });

  it('does not where replicas are chosen by load alone', async () => {
    expect(await secondTurns('spread')).toEqual(Array.from({ length: many }, () => 0));
  });
});
