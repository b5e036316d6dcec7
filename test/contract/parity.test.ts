import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { referencesOf } from '../harness/checkpoints.ts';
import { writeGguf } from '../harness/gguf.ts';
import {
  decoderCheckpoints,
  encoderCheckpoints,
  largestLogitDifference,
  largestVectorDifference,
  logitsOf,
  openDecoder,
  openDecoderAt,
  openEncoder,
} from '../harness/parity.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-parity-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const tolerance = 2e-3;

const argmax = (row: Float32Array): number =>
  row.reduce((best, value, at) => (value > (row[best] ?? -Infinity) ? at : best), 0);

describe.each(decoderCheckpoints)('the %s checkpoint in float32', (family) => {
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

describe.each([
  ['qwen2', 'qwen2'],
  ['qwen3', 'qwen3'],
  ['qwen3-yarn', 'qwen3'],
  ['qwen3-moe', 'qwen3moe'],
])('the %s checkpoint as a GGUF of architecture %s', (checkpoint, architecture) => {
  it('is the same model', async () => {
    const file = path.join(cacheDir, `${checkpoint}.gguf`);
    writeGguf(checkpoint, architecture, file);
    const model = await openDecoderAt(file, 'float32', cacheDir);
    const worst = await largestLogitDifference(model, checkpoint);
    await model.release();
    expect(worst).toBeLessThan(tolerance);
  });
});

describe.each(encoderCheckpoints)('the %s checkpoint', (family) => {
  it(`has the reference's vectors within ${tolerance}`, async () => {
    const encoder = await openEncoder(family, cacheDir);
    const worst = await largestVectorDifference(encoder, family);
    await encoder.release();
    process.stdout.write(`${family}: largest difference of a value ${worst.toExponential(1)}\n`);
    expect(worst).toBeLessThan(tolerance);
  });

  it.each(['int8', 'int4'] as const)('points where the reference does in %s', async (quantization) => {
    const [exact, small] = [await openEncoder(family, cacheDir), await openEncoder(family, cacheDir, quantization)];
    const inputs = [[5, 6, 7], [9], Array.from({ length: 60 }, (_, at) => 3 + at)];
    const [wanted, got] = [await exact.encode(inputs), await small.encode(inputs)];
    await Promise.all([exact.release(), small.release()]);
    wanted.forEach((vector, at) =>
      // Weights at random, as above.
      expect(cosine(vector, got[at] ?? new Float32Array())).toBeGreaterThan(quantization === 'int8' ? 0.998 : 0.85),
    );
  });
});

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, at) => sum + value * (y[at] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
