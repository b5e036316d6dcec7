import { afterAll, describe, expect, it } from 'vitest';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { Generator, Step } from '../backend/backend.ts';
import { checkpointFolder } from '../fixtures/checkpoint.ts';
import { graphFolder } from '../fixtures/graph.ts';
import { loadModel } from '../model/load.ts';
import { readModel } from '../model/read.ts';
import { compareModels } from './compare.ts';

const { cacheDir, dispose } = graphFolder();
afterAll(dispose);

/** A model of two tokens that always foretells the same. */
const constant = (logits: readonly [number, number]): Generator => ({
  kind: 'generator',
  adapters: undefined,
  vocabularySize: 2,
  slots: 3,
  slotTokens: 5,
  memoryBytes: 0,
  step: async ({ rows }: Step) => Float32Array.from(rows.flatMap(({ tokens }) => tokens.flatMap(() => [...logits]))),
  copySlot: () => undefined,
  swapSlots: () => undefined,
  release: async () => undefined,
});

describe('two models over one text', () => {
  it('are compared as arithmetic has it', async () => {
    const [exact, other] = [constant([0, Math.log(3)]), constant([7, 7])];
    // Two windows of five, in each of which four tokens are foretold: three of 1 and five of 0.
    const text = [0, 1, 1, 0, 0, 1, 1, 0, 0, 0];
    const seen: number[] = [];
    const found = await compareModels(exact, other, text, (done) => seen.push(done));
    const surprise = (3 * Math.log(4 / 3) + 5 * Math.log(4)) / 8;
    expect(found.exact).toMatchObject({ tokens: 8, meanKl: 0, topOneAgreement: 1 });
    expect(found.exact.perplexity).toBeCloseTo(Math.exp(surprise), 5);
    expect(found.other.perplexity).toBeCloseTo(2, 5);
    expect(found.other.meanKl).toBeCloseTo(0.25 * Math.log(0.5) + 0.75 * Math.log(1.5), 5);
    expect(found.other.topOneAgreement).toBe(0);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('differ the more, the fewer bits there are, and not at all from themselves', async () => {
    const open = async (quantization: Quantization): Promise<Generator> => {
      const options = { slots: 4, slotTokens: 32, threads: 1, quantization, cacheDir };
      const loaded = await loadModel(readModel(checkpointFolder('qwen3')), options);
      if (loaded.kind !== 'generator') throw new Error('it makes text');
      return loaded;
    };
    const models = [await open('float32'), await open('int8'), await open('int4')] as const;
    const text = Array.from({ length: 70 }, (_, at) => (at * 37) % 384);
    const [itself, int8, int4] = [
      await compareModels(models[0], models[0], text),
      await compareModels(models[0], models[1], text),
      await compareModels(models[0], models[2], text),
    ];
    for (const model of models) await model.release();
    expect(itself.other).toEqual(itself.exact);
    expect(int8.exact).toEqual(itself.exact);
    expect(int8.other.meanKl).toBeGreaterThan(0);
    expect(int4.other.meanKl).toBeGreaterThan(int8.other.meanKl);
    expect(int8.other.topOneAgreement).toBeGreaterThan(0.8);
  });
});
