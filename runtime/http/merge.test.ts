import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '@qwenfleet/core/clock';
import { rejection } from '../fixtures/generation.ts';
import { merge, type Merged } from './merge.ts';

/** Gives `count` numbers, each after some turns of the event loop, and notes how it ended. */
function source(count: number, gap: number, ended: string[], name = '') {
  async function* generate(): AsyncGenerator<number, string, void> {
    try {
      for (let value = 0; value < count; value += 1) {
        for (let turn = 0; turn < gap; turn += 1) await Promise.resolve();
        yield value;
      }
      return `end of ${name}`;
    } finally {
      ended.push(name);
    }
  }
  return generate();
}

const nothing = (): void => undefined;

async function all<T, R>(merged: AsyncGenerator<Merged<T, R>>): Promise<Merged<T, R>[]> {
  const items: Merged<T, R>[] = [];
  for await (const item of merged) items.push(item);
  return items;
}

describe('several generators as one', () => {
  it('gives every item of each in its order, and each end once', async () => {
    const shape = fc.array(fc.record({ count: fc.nat(8), gap: fc.nat(4) }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(shape, async (shapes) => {
        const ended: string[] = [];
        let aborted = 0;
        const generators = shapes.map(({ count, gap }, index) => source(count, gap, ended, String(index)));
        const items = await all(merge(generators, () => (aborted += 1)));
        shapes.forEach(({ count }, index) => {
          const own = items.filter((item) => item.index === index);
          expect(own.flatMap((item) => ('piece' in item ? [item.piece] : []))).toEqual([...Array(count).keys()]);
          expect(own.at(-1)).toEqual({ index, end: `end of ${index}` });
        });
        expect(ended).toHaveLength(shapes.length);
        expect(aborted).toBe(0);
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  it('does not let a slow one hold a quick one up', async () => {
    const items = await all(merge([source(3, 200, [], 'slow'), source(3, 0, [], 'quick')], nothing));
    const firstOfSlow = items.findIndex(({ index }) => index === 0);
    expect(items.slice(0, firstOfSlow).map(({ index }) => index)).toEqual([1, 1, 1, 1]);
  });

  it('ends all of them when the reader leaves', async () => {
    const ended: string[] = [];
    const merged = merge([source(9, 1, ended, 'a'), source(9, 3, ended, 'b')], nothing);
    await merged.next();
    await merged.return();
    expect(ended.toSorted()).toEqual(['a', 'b']);
  });

  it('ends all of them when one fails, and says why it did', async () => {
    const ended: string[] = [];
    async function* failing(): AsyncGenerator<number, string, void> {
      yield 1;
      throw new Error('the second token failed');
    }
    const outcome = await rejection(all(merge([source(99, 2, ended, 'other'), failing()], nothing)));
    expect(outcome).toMatchObject({ message: 'the second token failed' });
    expect(ended).toEqual(['other']);
  });

  it('keeps a failure for a reader that is slow, and does not end the process with it', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    async function* failing(): AsyncGenerator<number, string, void> {
      yield 1;
      throw new Error('the client has left');
    }
    const merged = merge([failing()], nothing);
    await merged.next();
    await systemClock.sleep(5);
    process.removeListener('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(await rejection(merged.next())).toMatchObject({ message: 'the client has left' });
  });

  it('has those give up that wait for something, or nobody could leave', async () => {
    const waiting = new AbortController();
    async function* stuck(): AsyncGenerator<number, string, void> {
      // As one that waits for a slot of the engine.
      await systemClock.sleep(3_600_000, waiting.signal);
      yield 1;
      return 'never';
    }
    async function* failing(values: number[]): AsyncGenerator<number, string, void> {
      yield* values;
      throw new Error('failed at once');
    }
    const outcome = await rejection(all(merge([stuck(), failing([])], () => waiting.abort(new Error('left')))));
    expect(outcome).toMatchObject({ message: 'failed at once' });
  });
});
