import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '@qwenfleet/core/clock';
import type { Step } from './backend/backend.ts';
import { FakeGenerator } from './backend/fake/generator.ts';
import { rejection } from './fixtures/generation.ts';
import { warmUp } from './warm-up.ts';

/** A model that notes the shapes of its steps. */
function modelOf(options: Partial<ConstructorParameters<typeof FakeGenerator>[0]> = {}) {
  const model = new FakeGenerator({ slots: 3, slotTokens: 64, vocabularySize: 9, clock: systemClock, ...options });
  const shapes: string[] = [];
  const step = model.step.bind(model);
  model.step = (asked: Step) => {
    shapes.push(`${asked.rows.length}x${asked.rows[0]?.tokens.length}`);
    return step(asked);
  };
  return { model, shapes };
}
const signal = new AbortController().signal;

describe('warming up', () => {
  it('runs a whole chunk of a prompt, and decodes with every number of sequences', async () => {
    const { model, shapes } = modelOf();
    await warmUp(model, { prefillChunkTokens: 16 }, { clock: systemClock, signal });
    expect(shapes).toEqual(['1x1', '2x1', '3x1', '1x16']);
  });

  it('beside a model that answers runs no more of a chunk than takes as long as a token of each', async () => {
    const { model, shapes } = modelOf();
    const beside = { longestStepMs: 10_000 };
    const longest = await warmUp(model, { prefillChunkTokens: 60, beside }, { clock: systemClock, signal });
    expect(shapes).toEqual(['1x1', '2x1', '3x1', '1x8']);
    // A whole chunk has not been seen: the other model knows what is long here.
    expect(longest).toBe(10_000);
  });

  it('runs a token with every number of guesses behind it', async () => {
    const { model, shapes } = modelOf({ slotTokens: 6, draftTokensMax: 5 });
    await warmUp(model, { prefillChunkTokens: 16, draftTokensMax: 5 }, { clock: systemClock, signal });
    expect(shapes.slice(4)).toEqual(['1x2', '1x3', '1x4', '1x5', '1x5']);
  });

  it('takes what fits, when a chunk is longer than the context', async () => {
    const { model, shapes } = modelOf({ slotTokens: 16 });
    await warmUp(model, { prefillChunkTokens: 4_096 }, { clock: systemClock, signal });
    expect(shapes[3]).toBe('1x15');
  });

  it('says how long the longest step took', async () => {
    const clock = new ManualClock();
    const { model } = modelOf({ clock, stepMs: (tokens) => tokens * 10 });
    const warming = warmUp(model, { prefillChunkTokens: 20 }, { clock, signal });
    await clock.advance(1_000);
    expect(await warming).toBe(200);
  });

  it('ends early when nobody wants the model any more', async () => {
    const { model, shapes } = modelOf();
    const outcome = await rejection(
      warmUp(model, { prefillChunkTokens: 8 }, { clock: systemClock, signal: AbortSignal.abort(new Error('stop')) }),
    );
    expect(outcome).toMatchObject({ message: 'stop' });
    expect(shapes).toEqual([]);
  });
});
