import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import type { Encoder, Generator } from '@qwenfleet/runtime/backend/backend';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder, referencesOf } from '../harness/checkpoints.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-parity-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const tolerance = 2e-3;
const options = { slots: 2, slotTokens: 128, threads: 2, cacheDir };

async function generator(family: string, quantization: 'float32' | 'int8' | 'int4'): Promise<Generator> {
  const loaded = await loadModel(readModel(checkpointFolder(family)), { ...options, quantization });
  if (loaded.kind !== 'generator') throw new Error(`${family} is no generator`);
  return loaded;
}

const argmax = (row: Float32Array): number =>
  row.reduce((best, value, at) => (value > (row[best] ?? -Infinity) ? at : best), 0);

/** Logits of the last of these tokens, from nothing. */
const logitsOf = async (model: Generator, tokens: readonly number[]): Promise<Float32Array> =>
  (await model.step({ firstSlot: 0, rows: [{ tokens, past: 0 }], wantLogits: true })).slice();

describe.each(['llama', 'qwen2', 'qwen3'])('the %s checkpoint in float32', (family) => {
  it(`has the reference's logits within ${tolerance}, and its greedy tokens`, async () => {
    const model = await generator(family, 'float32');
    let worst = 0;
    for (const { tokens, positions, logits, greedy } of referencesOf(family)) {
      for (const [index, position] of positions.entries()) {
        const own = await logitsOf(model, tokens.slice(0, position + 1));
        logits[index]?.forEach((value, at) => (worst = Math.max(worst, Math.abs((own[at] ?? NaN) - value))));
      }
      let past = 0;
      let next = tokens;
      const drawn: number[] = [];
      while (drawn.length < greedy.length) {
        const token = argmax(await model.step({ firstSlot: 0, rows: [{ tokens: next, past }], wantLogits: true }));
        past += next.length;
        drawn.push(token);
        next = [token];
      }
      expect(drawn).toEqual(greedy);
    }
    await model.release();
    process.stdout.write(`${family}: largest difference of a logit ${worst.toExponential(1)}\n`);
    expect(worst).toBeLessThan(tolerance);
  });

  it.each(['int8', 'int4'] as const)('stays close to itself in %s', async (quantization) => {
    const [exact, small] = [await generator(family, 'float32'), await generator(family, quantization)];
    for (const { tokens } of referencesOf(family)) {
      const wanted = await logitsOf(exact, tokens);
      const got = await logitsOf(small, tokens);
      const spread = Math.sqrt(wanted.reduce((sum, value) => sum + value * value, 0) / wanted.length);
      const error = Math.sqrt(
        wanted.reduce((sum, value, at) => sum + (value - (got[at] ?? NaN)) ** 2, 0) / wanted.length,
      );
      // Weights at random have no structure for four bits to keep: what trained weights lose is measured on the real ones.
      expect(error / spread).toBeLessThan(quantization === 'int8' ? 0.05 : 0.5);
    }
    await exact.release();
    await small.release();
  });
});

it(`the bert checkpoint has the reference's means within ${tolerance}`, async () => {
  const loaded = await loadModel(readModel(checkpointFolder('bert')), { ...options, quantization: 'float32' });
  const encoder = loaded as Encoder;
  const { prompts } = JSON.parse(readFileSync(path.join(checkpointFolder('bert'), 'expected.json'), 'utf8')) as {
    prompts: { tokens: number[]; mean: number[] }[];
  };
  const vectors = await encoder.encode(prompts.map(({ tokens }) => tokens));
  const worst = Math.max(
    ...prompts.flatMap(({ mean }, row) => mean.map((value, at) => Math.abs(value - (vectors[row]?.[at] ?? NaN)))),
  );
  await encoder.release();
  expect(worst).toBeLessThan(tolerance);
});
