import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { rejection } from '../../fixtures/generation.ts';
import { encoderOf, graphFolder } from '../../fixtures/graph.ts';
import { encoderNames } from '../../model/encoder-graph.ts';
import { OrtEncoder } from './encoder.ts';
import { nativeBytes } from './memory.ts';
import { nativeObjects } from './session.ts';

const { cacheDir, dispose } = graphFolder();
afterAll(dispose);

let model: OrtEncoder | undefined;
async function open(): Promise<OrtEncoder> {
  const { graphFile, description } = await encoderOf(cacheDir);
  model = await OrtEncoder.open(graphFile, description, encoderNames, 1);
  return model;
}
afterEach(async () => {
  await model?.release();
  model = undefined;
  expect(nativeObjects()).toEqual({ sessions: 0, weights: 0, tensors: 0 });
  expect(nativeBytes()).toBe(0);
});

const long = (length: number): number[] => Array.from({ length }, (_, index) => index % 384);

describe('an encoder', () => {
  it('gives an input the same vector whoever is asked for beside it', async () => {
    const own = await open();
    const inputs = [[5], long(20), long(128), [5, 6]];
    const together = await own.encode(inputs);
    for (const [index, input] of inputs.entries()) expect((await own.encode([input]))[0]).toEqual(together[index]);
  });

  it('does one after the other when several ask at once, each vector its own memory', async () => {
    const own = await open();
    const [a, b] = await Promise.all([own.encode([[1]]), own.encode([[2]])]);
    expect(a?.[0]).not.toEqual(b?.[0]);
    const kept = a?.[0]?.slice();
    await own.encode([[3]]);
    expect(a?.[0]).toEqual(kept);
  });

  it.each([
    ['nothing', [] as number[]],
    ['more than it reads', long(129)],
  ])('refuses an input of %s, and goes on', async (_name, input) => {
    const own = await open();
    expect(await rejection(own.encode([[1], input]))).toMatchObject({ code: 'context_length_exceeded' });
    expect(await own.encode([[1]])).toHaveLength(1);
  });

  it.each([384, -1, 2 ** 40, 1.5, Number.NaN])('refuses the token %d, and goes on', async (token) => {
    const own = await open();
    expect(await rejection(own.encode([[1, token]]))).toMatchObject({ code: 'engine_failed' });
    expect(await own.encode([[1]])).toHaveLength(1);
  });

  it('is released once, after what runs, and refuses later inputs', async () => {
    const own = await open();
    const running = own.encode([long(100), long(100)]);
    await Promise.all([own.release(), own.release()]);
    expect(await running.catch(() => [])).toBeDefined();
    expect(await rejection(own.encode([[1]]))).toMatchObject({ code: 'engine_failed' });
  });

  it('comes and goes without a trace', async () => {
    for (let round = 0; round < 4; round += 1) {
      const own = await open();
      await own.encode([[round + 1]]);
      expect(own.memoryBytes).toBeGreaterThan(0);
      await own.release();
      expect(nativeObjects().sessions).toBe(0);
    }
  });
});
