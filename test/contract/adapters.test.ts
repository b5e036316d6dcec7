import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRng } from '@qwenfleet/core/rng';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { adapterFolder, removeAdapters } from '@qwenfleet/runtime/fixtures/adapter';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { answersOf, farthest, openAdapted, placeAll, type OpenOptions } from '../harness/adapters.ts';
import { checkpointFolder } from '../harness/checkpoints.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-adapters-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));
afterAll(removeAdapters);

/** As test/contract/parity.test.ts has it. */
const tolerance = 2e-3;
const adapters = { places: 3, rankMax: 8 };
const attention = ['q', 'k', 'v', 'o'] as const;

const open: Generator[] = [];
afterEach(async () => {
  for (const model of open.splice(0)) await model.release();
});
async function opened(checkpoint: string, options: Omit<OpenOptions, 'cacheDir'> = {}): Promise<Generator> {
  const model = await openAdapted(checkpoint, { ...options, cacheDir });
  open.push(model);
  return model;
}
const prompt = (length: number, seed: number): number[] => {
  const rng = seededRng(seed);
  return Array.from({ length }, () => Math.floor(rng() * 384));
};

describe.each(['llama', 'qwen2', 'qwen3', 'qwen3-moe'])('adapters of %s', (checkpoint) => {
  const of = checkpoint === 'qwen3-moe' ? { of: attention } : {};
  const folder = (seed: number, more = {}): string =>
    adapterFolder(checkpointFolder(checkpoint), { seed, ...of, ...more });

  it('answer as weights do that they are merged into', async () => {
    const folders = [folder(1), folder(2, { rank: 8, of: ['q', 'v'] }), folder(3, { layers: [1], dtype: 'BF16' })];
    const stacked = await opened(checkpoint, { adapters });
    await placeAll(stacked, checkpoint, folders);
    const base = await answersOf(stacked, prompt(20, 9), 5);
    for (const [at, each] of folders.entries()) {
      const merged = await opened(checkpoint, { merge: [each] });
      const wanted = await answersOf(merged, prompt(20, 9), 5);
      const got = await answersOf(stacked, prompt(20, 9), 5, { adapter: at + 1 });
      expect(farthest(got, wanted)).toBeLessThan(tolerance);
      // And not because they change nothing.
      expect(farthest(base, wanted)).toBeGreaterThan(20 * tolerance);
    }
  });

  it('leave rows without one as a graph without adapters has them, bit by bit', async () => {
    const [plain, stacked] = [await opened(checkpoint), await opened(checkpoint, { adapters })];
    const wanted = await answersOf(plain, prompt(20, 9), 5);
    expect(await answersOf(stacked, prompt(20, 9), 5)).toEqual(wanted);
    await placeAll(stacked, checkpoint, [folder(1)]);
    expect(await answersOf(stacked, prompt(20, 9), 5)).toEqual(wanted);
    // Beside a row that has one, too.
    await answersOf(plain, prompt(7, 3), 5, { slot: 1 });
    await answersOf(stacked, prompt(7, 3), 5, { slot: 1, adapter: 1 });
    const rows = [20, 7].map((past) => ({ tokens: [5], past }));
    const alone = (await plain.step({ firstSlot: 0, rows, wantLogits: true })).slice(0, 384);
    const mixed = await stacked.step({
      firstSlot: 0,
      rows: rows.map((row, at) => ({ ...row, adapter: at })),
      wantLogits: true,
    });
    expect(mixed.slice(0, 384)).toEqual(alone);
  });

  it.each([
    ['float32', 'different ones', [2, 0, 3, 1]],
    ['float32', 'the same', [2, 2, 2, 2]],
    ['int8', 'different ones', [2, 0, 3, 1]],
    ['int8', 'the same', [1, 1, 1, 1]],
    ['int4', 'different ones', [2, 0, 3, 1]],
  ] as const)('share a batch of %s, %s, each as it is alone', async (quantization, _, places) => {
    const stacked = await opened(checkpoint, { adapters, quantization });
    await placeAll(stacked, checkpoint, [folder(1), folder(2, { rank: 7 }), folder(3, { of: ['q', 'v'] })]);
    const prompts = [prompt(5, 2), prompt(17, 3), prompt(9, 4), prompt(12, 5)];
    const alone: Float32Array[] = [];
    for (const [at, tokens] of prompts.entries())
      alone.push((await answersOf(stacked, tokens, 7, { slot: 3, adapter: places[at] ?? 0 }))[1] ?? new Float32Array());
    for (const [at, tokens] of prompts.entries())
      await answersOf(stacked, tokens, 1, { slot: at, adapter: places[at] ?? 0 });
    const rows = prompts.map(({ length }, at) => ({ tokens: [7], past: length, adapter: places[at] }));
    const together = await stacked.step({ firstSlot: 0, rows, wantLogits: true });
    const split = prompts.map((__, row) => together.slice(row * 384, (row + 1) * 384));
    // Bit by bit; products over four bits differ in the last one without adapters, too.
    expect(farthest(split, alone)).toBeLessThanOrEqual(quantization === 'int4' ? 1e-3 : 0);
  });
});

describe('adapters over quantised weights', () => {
  it.each(['int8', 'int4'] as const)('of %s keep what they add in floats', async (quantization) => {
    const folder = adapterFolder(checkpointFolder('qwen3'), { seed: 4 });
    const stacked = await opened('qwen3', { adapters, quantization });
    await placeAll(stacked, 'qwen3', [folder]);
    const exact = await opened('qwen3', { merge: [folder] });
    const base = await opened('qwen3');
    const ask = (model: Generator, adapter = 0): Promise<Float32Array[]> =>
      answersOf(model, prompt(20, 9), 5, { adapter });
    const [wanted, got, without] = [await ask(exact), await ask(stacked, 1), await ask(base)];
    const size = (rows: readonly Float32Array[]): number =>
      Math.sqrt(rows.flatMap((row) => [...row]).reduce((sum, v) => sum + v * v, 0));
    const difference = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
      size(a.map((row, index) => row.map((value, at) => value - (b[index]?.[at] ?? Number.NaN)))) / size(b);
    // As far as the quantisation goes on its own (parity.test.ts), and far from the base.
    expect(difference(got, wanted)).toBeLessThan(quantization === 'int8' ? 0.05 : 0.5);
    expect(difference(without, wanted)).toBeGreaterThan(0.5);
  });
});

describe('a place', () => {
  it('holds what was written last, with nothing left of what was there', async () => {
    const stacked = await opened('qwen3', { adapters });
    const folders = [
      adapterFolder(checkpointFolder('qwen3'), { seed: 5, rank: 8 }),
      adapterFolder(checkpointFolder('qwen3'), { seed: 6, rank: 4, of: ['q', 'down'], layers: [1] }),
    ];
    await placeAll(stacked, 'qwen3', folders);
    const wanted = await answersOf(stacked, prompt(20, 9), 5, { adapter: 2 });
    await placeAll(stacked, 'qwen3', folders.slice(1));
    expect(await answersOf(stacked, prompt(20, 9), 5, { adapter: 1 })).toEqual(wanted);
  });

  it('that nothing was written to is refused', async () => {
    const stacked = await opened('qwen3', { adapters });
    await expect(answersOf(stacked, [1, 2], 5, { adapter: 3 })).rejects.toMatchObject({ code: 'engine_failed' });
    const plain = await opened('qwen3');
    await expect(answersOf(plain, [1, 2], 5, { adapter: 1 })).rejects.toMatchObject({ code: 'engine_failed' });
  });

  it('may be written while the model is released', async () => {
    const stacked = await openAdapted('qwen3', { cacheDir, adapters });
    const writing = placeAll(stacked, 'qwen3', [adapterFolder(checkpointFolder('qwen3'))]);
    const refused = expect(writing).rejects.toMatchObject({ code: 'engine_failed' });
    await stacked.release();
    await refused;
  });
});
