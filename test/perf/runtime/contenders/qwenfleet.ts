// Ours: the generator that the engine drives, without the engine.
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { timed, tokensOf, type ContenderSettings } from './contender.ts';
import { serve } from './serve.ts';

/** Tokens of a prompt that one run computes. */
const chunkTokens = 512;

serve(async (settings) => {
  const { vocabularySize, pastTokens } = settings;
  const prompts = await opened(settings, 1, settings.promptMax);
  const batches =
    settings.batchMax === 0 ? prompts : await opened(settings, settings.batchMax, pastTokens + settings.stepsMax);
  return {
    async decode(batch, steps) {
      const ms: number[] = [];
      for (let step = 0; step < steps; step += 1) {
        const rows = Array.from({ length: batch }, (_, row) => ({
          tokens: tokensOf(1, row + step, vocabularySize),
          past: pastTokens + step,
        }));
        ms.push(await timed(() => batches.step({ firstSlot: 0, rows, wantLogits: true })));
      }
      return ms;
    },
    prefill(count) {
      const tokens = tokensOf(count, 1, vocabularySize);
      return timed(async () => {
        for (let past = 0; past < count; past += chunkTokens) {
          const row = { tokens: tokens.slice(past, past + chunkTokens), past };
          await prompts.step({ firstSlot: 0, rows: [row], wantLogits: past + chunkTokens >= count });
        }
      });
    },
  };
});

async function opened(settings: ContenderSettings, slots: number, slotTokens: number): Promise<Generator> {
  const { quantization, threads, cacheDir, model } = settings;
  const loaded = await loadModel(readModel(model), { slots, slotTokens, threads, quantization, cacheDir });
  if (loaded.kind !== 'generator') throw new Error('no generator');
  return loaded;
}
