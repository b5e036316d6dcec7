import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { rejection } from '../../fixtures/generation.ts';
import { decoderOf, graphFolder } from '../../fixtures/graph.ts';
import { decoderNames } from '../../model/decoder-graph.ts';
import type { Step } from '../backend.ts';
import { OrtGenerator } from './generator.ts';
import { nativeBytes } from './memory.ts';
import { nativeObjects } from './session.ts';

const { cacheDir, dispose } = graphFolder();
afterAll(dispose);
const quantizations = ['float32', 'int8', 'int4'] as const;

let model: OrtGenerator | undefined;
async function open(quantization: (typeof quantizations)[number] = 'float32', slots = 3): Promise<OrtGenerator> {
  const { graphFile, description } = await decoderOf(cacheDir, { quantization });
  model = await OrtGenerator.open(graphFile, description, decoderNames, { slots, slotTokens: 64, threads: 1 });
  return model;
}
afterEach(async () => {
  await model?.release();
  model = undefined;
  expect(nativeObjects()).toEqual({ sessions: 0, weights: 0, tensors: 0 });
  expect(nativeBytes()).toBe(0);
});

const stepOf = (tokens: number[], changes: Partial<Step> & { past?: number } = {}): Step => {
  const { past = 0, ...rest } = changes;
  return { firstSlot: 0, rows: [{ tokens, past }], wantLogits: true, ...rest };
};
const row = (tokens: number[], past = 0): Step['rows'][number] => ({ tokens, past });
const failed = { code: 'engine_failed' };

describe.each(quantizations)('a decoder in %s', (quantization) => {
  it.each<[string, Step]>([
    ['a token beyond the vocabulary', stepOf([1, 384])],
    ['a token far beyond it', stepOf([2 ** 31])],
    ['a token below nought', stepOf([-1])],
    ['a token that is no whole number', stepOf([1.5])],
    ['a token that is no number', stepOf([Number.NaN])],
    ['no tokens', stepOf([])],
    ['no rows', { firstSlot: 0, rows: [], wantLogits: true }],
    ['a slot that there is not', stepOf([1], { firstSlot: 3 })],
    ['a slot below nought', stepOf([1], { firstSlot: -1 })],
    ['more rows than slots', { firstSlot: 1, rows: [row([1]), row([1]), row([1])], wantLogits: true }],
    ['rows of several tokens', { firstSlot: 0, rows: [row([1, 2]), row([1, 2])], wantLogits: true }],
    ['rows of different lengths', { firstSlot: 0, rows: [row([1]), row([1, 2])], wantLogits: true }],
    ['a past below nought', stepOf([1], { past: -1 })],
    ['a past that is no number', stepOf([1], { past: Number.NaN })],
    ['more than a slot holds', stepOf([1], { past: 64 })],
    ['more rows of logits than there is room for', stepOf([1, 2, 3, 4], { wantLogits: 'every' })],
  ])('refuses %s before it touches memory, and goes on', async (_name, step) => {
    const own = await open(quantization);
    const before = (await own.step(stepOf([5, 6, 7]))).slice();
    expect(await rejection(own.step(step))).toMatchObject(failed);
    expect((await own.step(stepOf([5, 6, 7]))).slice()).toEqual(before);
  });

  it('gives the logits of every token as it gives each alone', async () => {
    const own = await open(quantization);
    const every = (await own.step(stepOf([5, 6, 7], { wantLogits: 'every' }))).slice();
    expect(every).toHaveLength(3 * 384);
    for (const length of [1, 2, 3]) {
      const alone = await own.step(stepOf([5, 6, 7].slice(0, length), { firstSlot: 1 }));
      alone.forEach((logit, at) =>
        expect(Math.abs(logit - (every[(length - 1) * 384 + at] ?? Number.NaN))).toBeLessThan(1e-3),
      );
    }
  });
});

describe('the cache of a decoder', () => {
  it.each<[string, [number, number, number]]>([
    ['to a slot that there is not', [0, 3, 1]],
    ['from a slot that there is not', [-1, 0, 1]],
    ['of more than a slot holds', [0, 1, 65]],
    ['of less than nothing', [0, 1, -1]],
    ['of what is no number', [0, 1, Number.NaN]],
  ])('is not copied %s', async (_name, [from, to, tokens]) => {
    const own = await open();
    expect(() => own.copySlot(from, to, tokens)).toThrow(/copy/);
  });

  it('leaves the neighbours of a slot alone, whichever is written', async () => {
    const own = await open('float32', 3);
    const lasts = [11, 22, 33];
    for (const [slot, token] of lasts.entries()) await own.step(stepOf([token, token + 1], { firstSlot: slot }));
    const before = (
      await own.step({ firstSlot: 0, rows: lasts.map((token) => row([token], 2)), wantLogits: true })
    ).slice();
    await own.step(
      stepOf(
        Array.from({ length: 60 }, (_, index) => index),
        { firstSlot: 1 },
      ),
    );
    await own.step(stepOf([22, 23], { firstSlot: 1 }));
    const after = await own.step({ firstSlot: 0, rows: lasts.map((token) => row([token], 2)), wantLogits: true });
    after.forEach((logit, at) => expect(Math.abs(logit - (before[at] ?? Number.NaN))).toBeLessThan(1e-4));
  });

  it('keeps up with more shapes than it remembers', async () => {
    const own = await open('float32', 3);
    const first = (await own.step(stepOf([7]))).slice();
    // Each length in each slot is a shape of its own; with and without logits they are the same.
    for (let round = 0; round < 3; round += 1) {
      for (let length = 1; length <= 60; length += 1)
        await own.step(
          stepOf(
            Array.from({ length }, () => 3),
            { firstSlot: round, wantLogits: false },
          ),
        );
    }
    const tensors = nativeObjects().tensors;
    expect((await own.step(stepOf([7]))).slice()).toEqual(first);
    expect(tensors).toBeLessThanOrEqual(512 * (5 + 4));
  });
});

describe('the memory of a decoder', () => {
  it('comes back, however often one is opened', async () => {
    for (let round = 0; round < 5; round += 1) {
      const own = await open('int8');
      await own.step(stepOf([1, 2, 3]));
      expect(nativeObjects()).toMatchObject({ sessions: 1, weights: 1 });
      await own.release();
      expect(nativeObjects()).toEqual({ sessions: 0, weights: 0, tensors: 0 });
      expect(nativeBytes()).toBe(0);
    }
  });

  it('is not touched after a release: steps and copies are refused', async () => {
    const own = await open();
    await own.release();
    await own.release();
    expect(await rejection(own.step(stepOf([1])))).toMatchObject(failed);
    expect(() => own.copySlot(0, 1, 1)).toThrow(/copy/);
  });

  it('is not taken from a step that runs', async () => {
    const own = await open();
    const running = own.step(stepOf(Array.from({ length: 60 }, () => 5)));
    const releasing = own.release();
    expect(await running).toHaveLength(384);
    await releasing;
  });

  it('is as much as it says, at least', async () => {
    const own = await open('float32', 3);
    expect(own.memoryBytes).toBeGreaterThanOrEqual(2 * 2 * 3 * 2 * 64 * 32 * 4);
    expect(nativeBytes()).toBeGreaterThan(0);
  });

  it('that there is not is refused, and what was opened before is closed', async () => {
    const { graphFile, description } = await decoderOf(cacheDir);
    const huge = { ...description, layers: 2 ** 34 };
    const options = { slots: 2 ** 8, slotTokens: 64, threads: 1 };
    expect(await rejection(OrtGenerator.open(graphFile, huge, decoderNames, options))).toMatchObject(failed);
    // The cache fits, the logits do not.
    const wide = { ...description, vocabularySize: 2 ** 50 };
    expect(await rejection(OrtGenerator.open(graphFile, wide, decoderNames, options))).toMatchObject(failed);
  });
});
