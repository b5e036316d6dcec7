import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { seededRng } from '@qwenfleet/core/rng';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import { collect, plainSampling, requestOf, type Collected } from '@qwenfleet/runtime/fixtures/generation';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../harness/checkpoints.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-prefix-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const options = { slots: 4, slotTokens: 256, threads: 1, quantization: 'float32', cacheDir } as const;
async function engineOf(checkpoint: string): Promise<Engine> {
  const generator = (await loadModel(readModel(checkpointFolder(checkpoint)), options)) as Generator;
  return new Engine({ generator, clock: systemClock, prefillChunkTokens: 32, queueMax: 64 });
}
const rng = seededRng(5);
const tokens = (length: number): number[] => Array.from({ length }, () => Math.floor(rng() * 384));

const bits = ({ items }: Collected): unknown[] => items.map(({ token, logprob, top }) => ({ token, logprob, top }));

describe.each(['qwen2', 'qwen3', 'llama'])('a prompt of %s that begins like an earlier one', (checkpoint) => {
  it('is answered with the same bits as one that was computed in full', async () => {
    const [warm, cold] = [await engineOf(checkpoint), await engineOf(checkpoint)];
    const system = tokens(75);
    let cached = 0;
    for (const rest of [1, 2, 5, 21, 22, 40].map(tokens)) {
      const ask = requestOf([...system, ...rest], { topLogprobs: 5, maxTokens: 8 });
      const found = await collect(warm, ask);
      // Another prompt comes between, so that nothing is left of this one.
      for (let slot = 0; slot < options.slots; slot += 1) await collect(cold, requestOf(tokens(40)));
      const computed = await collect(cold, ask);
      expect(computed.end.cachedTokens).toBe(0);
      expect(bits(found)).toEqual(bits(computed));
      cached += found.end.cachedTokens;
    }
    expect(cached).toBe(5 * 64);
    await Promise.all([warm.release(), cold.release()]);
  });

  it('is computed once for several choices, with the same bits as alone', async () => {
    const engine = await engineOf(checkpoint);
    const prompt = tokens(70);
    const promptGroup = Symbol('choices');
    const ask = (seed: number, group = {}): ReturnType<typeof collect> =>
      collect(
        engine,
        requestOf(prompt, { sampling: { ...plainSampling, temperature: 1, seed }, topLogprobs: 3, ...group }),
      );
    const together = await Promise.all([1, 2, 3, 4].map((seed) => ask(seed, { promptGroup })));
    for (const [index, { items }] of together.entries()) {
      const other = await engineOf(checkpoint);
      const alone = await collect(
        other,
        requestOf(prompt, { sampling: { ...plainSampling, temperature: 1, seed: index + 1 }, topLogprobs: 3 }),
      );
      expect(items).toEqual(alone.items);
      await other.release();
    }
    await engine.release();
  });
});
