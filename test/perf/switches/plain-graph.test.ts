import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder, referencesOf } from '../../harness/checkpoints.ts';
import { largestLogitDifference } from '../../harness/parity.ts';
import { naive, openVariant } from './variants.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-plain-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const open = (family: string, slots = 1) =>
  openVariant(
    readModel(checkpointFolder(family)),
    { ...naive, slots },
    { slotTokens: 128, cacheDir: path.join(cacheDir, family) },
  );

describe.each(['llama', 'qwen2', 'qwen3', 'qwen3-yarn'])('the plain graph of %s', (family) => {
  it('computes what transformers does, as the fused one has to', async () => {
    const model = await open(family);
    expect(await largestLogitDifference(model, family)).toBeLessThan(1e-4);
    await model.release();
  });

  it('goes on from its cache: piece by piece, and beside sequences of other lengths, it says the same', async () => {
    const [one, other] = referencesOf(family).flatMap(({ tokens }) => (tokens.length > 3 ? [tokens] : []));
    if (!one || !other) throw new Error('two references of some length are wanted');
    const model = await open(family, 2);
    const alone = async (tokens: readonly number[]): Promise<Float32Array> =>
      (await model.step({ firstSlot: 0, rows: [{ tokens, past: 0 }], wantLogits: true })).slice();
    const wanted = [await alone(one), await alone(other)];
    for (const [slot, tokens] of [one, other].entries()) {
      const [half, end] = [Math.floor(tokens.length / 2), tokens.length - 1];
      const step = (from: number, to: number): Promise<unknown> =>
        model.step({ firstSlot: slot, rows: [{ tokens: tokens.slice(from, to), past: from }], wantLogits: false });
      await step(0, half);
      await step(half, end);
    }
    const rows = [one, other].map((tokens) => ({ tokens: tokens.slice(-1), past: tokens.length - 1 }));
    const both = await model.step({ firstSlot: 0, rows, wantLogits: true });
    const vocabularySize = both.length / 2;
    for (const [row, logits] of wanted.entries())
      for (let at = 0; at < vocabularySize; at += 1)
        expect(Math.abs((both[row * vocabularySize + at] ?? Number.NaN) - (logits[at] ?? 0))).toBeLessThan(1e-4);
    await model.release();
  });
});
