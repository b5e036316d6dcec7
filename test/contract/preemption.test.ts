import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { seededRng } from '@qwenfleet/core/rng';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import type { GenerationRequest } from '@qwenfleet/runtime/engine/generation';
import { collect, collectBeside, plainSampling, requestOf } from '@qwenfleet/runtime/fixtures/generation';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../harness/checkpoints.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-preemption-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const options = { slots: 2, slotTokens: 256, threads: 1, quantization: 'float32', cacheDir } as const;
/** As test/contract/parity.test.ts has it: tokens that were drawn one by one are computed again together. */
const tolerance = 2e-3;
const rng = seededRng(5);
const tokens = (length: number): number[] => Array.from({ length }, () => Math.floor(rng() * 384));

async function engineOf(checkpoint: string): Promise<{ engine: Engine; preempted: () => number }> {
  const generator = (await loadModel(readModel(checkpointFolder(checkpoint)), options)) as Generator;
  let preemptions = 0;
  const onPreempted = (): void => void (preemptions += 1);
  const engine = new Engine({ generator, clock: systemClock, prefillChunkTokens: 16, queueMax: 64, onPreempted });
  return { engine, preempted: () => preemptions };
}

describe.each(['llama', 'qwen2', 'qwen3', 'qwen3-moe'])('an answer of %s that loses its slot', (checkpoint) => {
  it('has the text that it would have had, greedy and drawn', async () => {
    const { engine, preempted } = await engineOf(checkpoint);
    const prompt = tokens(53);
    const urgent = (): GenerationRequest => requestOf(tokens(20), { priority: -1, maxTokens: 4 });
    for (const [round, temperature] of [0, 0.7, 1, 1].entries()) {
      const sampling = { ...plainSampling, temperature, seed: round, frequencyPenalty: round / 4 };
      const ask = requestOf(prompt, { sampling, maxTokens: 40, topLogprobs: 2 });
      const alone = await collect(engine, ask);
      const before = preempted();
      // Two at a time: one has the other slot already.
      const after = [1, 12, 31].flatMap((count) => [count, count + 1]);
      const disturbed = await collectBeside(engine, ask, { after, ask: urgent });
      expect(preempted()).toBeGreaterThan(before);
      expect(disturbed.tokens).toEqual(alone.tokens);
      for (const [at, { logprob = 0 }] of disturbed.items.entries())
        expect(Math.abs(logprob - (alone.items[at]?.logprob ?? 0))).toBeLessThan(tolerance);
    }
    expect(engine.stats()).toMatchObject({ running: 0, queued: 0, kvTokens: 0 });
    await engine.release();
  });
});
