import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { seededRng } from '@qwenfleet/core/rng';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { rowCosts } from '@qwenfleet/runtime/engine/drafter';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import type { GenerationRequest } from '@qwenfleet/runtime/engine/generation';
import type { StepReport } from '@qwenfleet/runtime/engine/model-engine';
import { collect, plainSampling, requestOf } from '@qwenfleet/runtime/fixtures/generation';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../harness/checkpoints.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-drafts-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const tokensMax = 8;
const options = { slots: 8, slotTokens: 256, threads: 1, quantization: 'float32', cacheDir } as const;

async function engineOf(checkpoint: string, draftTokensMax: number): Promise<{ engine: Engine; steps: StepReport[] }> {
  const model = readModel(checkpointFolder(checkpoint));
  const generator = (await loadModel(model, { ...options, draftTokensMax })) as Generator;
  const steps: StepReport[] = [];
  const engine = new Engine({
    generator,
    clock: systemClock,
    prefillChunkTokens: 32,
    queueMax: 64,
    drafts: draftTokensMax === 0 ? undefined : { tokensMax: draftTokensMax, cost: rowCosts.float32 },
    onStep: (step) => steps.push(step),
  });
  return { engine, steps };
}

const rng = seededRng(9);
const prompts = Array.from({ length: 8 }, (_, index) =>
  Array.from({ length: 10 + 9 * index }, () => Math.floor(rng() * 384)),
);
const greedy = plainSampling;
/** Bent towards few tokens, so that a model that was never trained repeats itself when it draws by chance, too. */
const seeded = {
  ...plainSampling,
  temperature: 0.6,
  repetitionPenalty: 1.01,
  logitBias: new Map([40, 41, 42, 43].map((token) => [token, 30])),
};

describe.each(['qwen3', 'llama'])('%s with drafts, in float32', (checkpoint) => {
  it.each([
    ['greedy', greedy],
    ['seeded', seeded],
  ])('says what it says without, %s, alone and among others', async (_name, sampling) => {
    const [plain, drafting] = [await engineOf(checkpoint, 0), await engineOf(checkpoint, tokensMax)];
    const asked: GenerationRequest[] = prompts.map((prompt, index) =>
      // Some are over before others, which then go on alone.
      requestOf(prompt, { sampling: { ...sampling, seed: index }, maxTokens: 20 + 10 * index }),
    );
    const textsOf = async (engine: Engine): Promise<unknown[]> => {
      const alone = [];
      for (const ask of asked) alone.push((await collect(engine, ask)).tokens);
      const together = await Promise.all(asked.map(async (ask) => (await collect(engine, ask)).tokens));
      const promptGroup = Symbol('choices');
      const choices = await Promise.all(
        [1, 2, 3].map((seed) =>
          collect(
            engine,
            requestOf(prompts[3] ?? [], { sampling: { ...sampling, seed }, maxTokens: 30 * seed, promptGroup }),
          ),
        ),
      );
      return [alone, together, choices.map(({ tokens }) => tokens)];
    };
    expect(await textsOf(drafting.engine)).toEqual(await textsOf(plain.engine));
    const accepted = drafting.steps.reduce((sum, step) => sum + step.accepted, 0);
    // That there was something to compare, and that it took fewer steps.
    expect(accepted).toBeGreaterThan(50);
    expect(drafting.steps.length).toBeLessThan(plain.steps.length);
    await Promise.all([plain.engine.release(), drafting.engine.release()]);
  });
});
