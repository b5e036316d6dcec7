import { readFileSync, writeFileSync } from 'node:fs';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { graphFolder } from '@qwenfleet/runtime/fixtures/graph';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../harness/checkpoints.ts';
import { largestDifference } from '../harness/parity.ts';

const { cacheDir, dispose } = graphFolder();
const slotTokens = 8_192;
let model: Generator;
beforeAll(async () => {
  const qwen = readModel(checkpointFolder('qwen3'));
  const loaded = await loadModel(qwen, { slots: 2, slotTokens, threads: 2, quantization: 'float32', cacheDir });
  if (loaded.kind !== 'generator') throw new Error('no generator');
  model = loaded;
});
afterAll(async () => {
  await model.release();
  dispose();
});

const textOf = (length: number): number[] => Array.from({ length }, (_, at) => (at * 97 + 5) % model.vocabularySize);

/** Logits after a text that is computed in parts of these lengths, again and again. */
async function logitsInChunks(tokens: readonly number[], chunks: readonly number[]): Promise<Float32Array> {
  let logits = new Float32Array();
  for (let past = 0, round = 0; past < tokens.length; round += 1) {
    const part = tokens.slice(past, past + (chunks[round % chunks.length] ?? 1));
    const wantLogits = past + part.length === tokens.length;
    logits = (await model.step({ firstSlot: 0, rows: [{ tokens: part, past }], wantLogits })).slice();
    past += part.length;
  }
  return logits;
}

describe('a long prompt', () => {
  it.each([[[128]], [[512]], [[32]], [[128, 112, 96, 80, 64, 48, 33]]])(
    'in chunks of %j gets the logits that it gets at once',
    async (chunks) => {
      const tokens = textOf(3_000);
      const whole = await logitsInChunks(tokens, [3_000]);
      expect(largestDifference([...whole], await logitsInChunks(tokens, chunks))).toBeLessThan(1e-4);
    },
  );

  it.skipIf(process.platform !== 'linux')('takes memory by its length, and not by its square', async () => {
    const tokens = textOf(slotTokens);
    await logitsInChunks(tokens.slice(0, 128), [128]);
    const before = peakBytes(true);
    await logitsInChunks(tokens, [4_096]);
    // Scores of all heads in one matrix would be 4 x 4,096 x 8,192 floats, 537 MB.
    expect(peakBytes(false) - before).toBeLessThan(150e6);
  });
});

/** The most that this process has had in memory, since the last time that it was forgotten (proc(5), clear_refs). */
function peakBytes(forget: boolean): number {
  if (forget) writeFileSync('/proc/self/clear_refs', '5');
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
