import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { referencesOf } from '../harness/checkpoints.ts';
import {
  decoderFamilies,
  largestLogitDifference,
  largestMeanDifference,
  logitsOf,
  openDecoder,
  openEncoder,
} from '../harness/parity.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-parity-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const tolerance = 2e-3;

const argmax = (row: Float32Array): number =>
  row.reduce((best, value, at) => (value > (row[best] ?? -Infinity) ? at : best), 0);

describe.each(decoderFamilies)('the %s checkpoint in float32', (family) => {
  it(`has the reference's logits within ${tolerance}, and its greedy tokens`, async () => {
    const model = await openDecoder(family, 'float32', cacheDir);
    const worst = await largestLogitDifference(model, family);
    for (const { tokens, greedy } of referencesOf(family)) {
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
    const [exact, small] = [
      await openDecoder(family, 'float32', cacheDir),
      await openDecoder(family, quantization, cacheDir),
    ];
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
  const encoder = await openEncoder('bert', cacheDir);
  const worst = await largestMeanDifference(encoder, 'bert');
  await encoder.release();
  expect(worst).toBeLessThan(tolerance);
});
