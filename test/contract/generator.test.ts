import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { seededRng } from '@qwenfleet/core/rng';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { FakeGenerator } from '@qwenfleet/runtime/backend/fake/generator';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../harness/checkpoints.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-generator-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const slots = 4;
const slotTokens = 64;
type Make = () => Promise<Generator>;
const ort =
  (
    quantization: 'float32' | 'int8' | 'int4',
    checkpoint = 'qwen3',
    kvCacheDtype: 'float32' | 'int8' = 'float32',
  ): Make =>
  async () =>
    (await loadModel(readModel(checkpointFolder(checkpoint)), {
      slots,
      slotTokens,
      threads: 2,
      quantization,
      kvCacheDtype,
      cacheDir,
    })) as Generator;

const backends: [string, Make][] = [
  ['fake', async () => new FakeGenerator({ slots, slotTokens, vocabularySize: 384, clock: systemClock })],
  ['ort in float32', ort('float32')],
  ['ort in int8', ort('int8')],
  ['ort in int4', ort('int4')],
  ['ort with a cache in int8', ort('float32', 'qwen3', 'int8')],
  ['ort with experts', ort('float32', 'qwen3-moe')],
  ['ort with experts in int4', ort('int4', 'qwen3-moe')],
];

const prompt = (length: number, seed: number): number[] => {
  const rng = seededRng(seed);
  return Array.from({ length }, () => Math.floor(rng() * 384));
};

describe.each(backends)('a generator: %s', (_name, make) => {
  let model: Generator;
  afterEach(() => model.release());

  const prefill = async (slot: number, tokens: readonly number[], past = 0): Promise<Float32Array> =>
    (await model.step({ firstSlot: slot, rows: [{ tokens, past }], wantLogits: true })).slice();
  /** Rows of a batch must be what they are alone, to the last bit that decides a token. */
  const near = (a: Float32Array, b: Float32Array): void => {
    expect(a.length).toBe(b.length);
    let worst = 0;
    a.forEach((value, at) => (worst = Math.max(worst, Math.abs(value - (b[at] ?? NaN)))));
    expect(worst).toBeLessThan(1e-3);
  };

  it('gives the same logits whether a prompt comes whole or in chunks', async () => {
    model = await make();
    const tokens = prompt(23, 1);
    const whole = await prefill(0, tokens);
    const none = await model.step({ firstSlot: 1, rows: [{ tokens: tokens.slice(0, 9), past: 0 }], wantLogits: false });
    expect(none.length).toBe(0);
    near(await prefill(1, tokens.slice(9), 9), whole);
  });

  it('gives each sequence of a batch what it gets alone', async () => {
    model = await make();
    const prompts = [prompt(5, 2), prompt(17, 3), prompt(1, 4)];
    const alone: Float32Array[] = [];
    for (const tokens of prompts) alone.push(await prefill(3, [...tokens, 7]));
    for (const [slot, tokens] of prompts.entries()) await prefill(slot, tokens);
    const together = await model.step({
      firstSlot: 0,
      rows: prompts.map(({ length }) => ({ tokens: [7], past: length })),
      wantLogits: true,
    });
    for (const [row, logits] of alone.entries()) near(together.slice(row * 384, (row + 1) * 384), logits);
  });

  it('copies a slot, so that a sequence goes on elsewhere', async () => {
    model = await make();
    const tokens = prompt(12, 5);
    await prefill(0, tokens);
    const here = (await model.step({ firstSlot: 0, rows: [{ tokens: [3], past: 12 }], wantLogits: true })).slice();
    model.copySlot(0, 2, 12);
    near(await prefill(2, [3], 12), here);
  });

  it('exchanges two slots of different lengths, so that both go on in the other’s place', async () => {
    model = await make();
    const [short, long] = [prompt(5, 5), prompt(12, 6)];
    const alone = [await prefill(3, [...short, 3]), await prefill(3, [...long, 3])];
    await prefill(0, short);
    await prefill(2, long);
    model.swapSlots(0, 2, 12);
    near(await prefill(2, [3], 5), alone[0] ?? new Float32Array());
    near(await prefill(0, [3], 12), alone[1] ?? new Float32Array());
  });

  it('shares a beginning between sequences that then differ', async () => {
    model = await make();
    const shared = prompt(20, 6);
    await prefill(0, shared);
    model.copySlot(0, 1, 10);
    near(await prefill(1, prompt(6, 8), 10), await prefill(3, [...shared.slice(0, 10), ...prompt(6, 8)]));
  });

  it('fills a slot to its last token, and refuses one more', async () => {
    model = await make();
    await prefill(0, prompt(slotTokens, 9));
    await expect(prefill(0, [1], slotTokens)).rejects.toThrow(/./);
  });

  it('gives the logits of every token, as it gives each alone', async () => {
    model = await make();
    const tokens = prompt(slots, 10);
    const every = (await model.step({ firstSlot: 1, rows: [{ tokens, past: 0 }], wantLogits: 'every' })).slice();
    for (const [at] of tokens.entries())
      near(every.slice(at * 384, (at + 1) * 384), await prefill(2, tokens.slice(0, at + 1)));
    // And goes on from there as from any other chunk.
    near(await prefill(1, [9], tokens.length), await prefill(3, [...tokens, 9]));
  });

  it('is released once, after the step that runs; later steps are refused', async () => {
    model = await make();
    const running = model.step({ firstSlot: 0, rows: [{ tokens: prompt(40, 11), past: 0 }], wantLogits: true });
    await Promise.all([model.release(), model.release()]);
    expect(await running).toHaveLength(384);
    await expect(prefill(0, [1])).rejects.toMatchObject({ code: 'engine_failed' });
  });
});
