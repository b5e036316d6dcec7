import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from './checkpoints.ts';
import { writeQuantisedGguf } from './quantised-gguf.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));

const own = readModel(checkpointFolder('qwen3'));

/** How far a value may be from its own, of the largest in its block: half a step, and the rounding of its scale. */
const errorMax = { Q8_0: 0.5 / 127 + 0.001, Q4_0: 1 / 8 + 0.001 };

describe.each(['Q8_0', 'Q4_0'] as const)('a checkpoint in %s', (blocks) => {
  const file = path.join(folder, `${blocks}.gguf`);
  writeQuantisedGguf(own, blocks, file);
  const read = readModel(file);

  it('is the same model', () => {
    const { family, description } = read;
    // The file has it as a float32.
    const rmsNormEpsilon = Math.fround(1e-6);
    expect({ family, description }).toEqual({
      family: own.family,
      description: { ...own.description, rmsNormEpsilon },
    });
  });

  it('has the same weights, as near as its blocks are', () => {
    const [wanted, got] = [own.openWeights(), read.openWeights()];
    try {
      expect([...got.tensors.keys()].toSorted()).toEqual([...wanted.tensors.keys()].toSorted());
      for (const [name, { shape }] of wanted.tensors) {
        const [before, after] = [wanted.values(name), got.values(name)];
        const isMatrix = shape.length > 1;
        expect(got.entry(name).type.name).toBe(isMatrix ? blocks : 'F32');
        expect(worstError(before, after)).toBeLessThanOrEqual(isMatrix ? errorMax[blocks] : 0);
      }
    } finally {
      for (const weights of [wanted, got]) weights.close();
    }
  });
});

/** The largest difference of a value, as a share of the largest magnitude of its block of 32. */
function worstError(before: Float32Array, after: Float32Array): number {
  let worst = 0;
  for (let start = 0; start < before.length; start += 32) {
    const block = before.subarray(start, start + 32);
    const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    block.forEach((value, index) => {
      worst = Math.max(worst, Math.abs((after[start + index] ?? Number.NaN) - value) / largest);
    });
  }
  return worst;
}
