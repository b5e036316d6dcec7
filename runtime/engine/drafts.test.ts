import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '@qwenfleet/core/clock';
import { FakeGenerator, type FakeOptions } from '../backend/fake/generator.ts';
import { collect, plainSampling, requestOf, type Collected } from '../fixtures/generation.ts';
import { rowCosts } from './drafter.ts';
import { Engine } from './engine.ts';
import type { TokenConstraint } from './generation.ts';
import type { StepReport } from './model-engine.ts';

const tokensMax = 8;

function engineOf(draftTokensMax: number, options: Partial<FakeOptions> = {}) {
  const steps: StepReport[] = [];
  const generator = new FakeGenerator({
    slots: 8,
    slotTokens: 256,
    vocabularySize: 97,
    clock: systemClock,
    draftTokensMax,
    ...options,
  });
  const engine = new Engine({
    generator,
    clock: systemClock,
    prefillChunkTokens: 16,
    queueMax: 64,
    drafts: draftTokensMax === 0 ? undefined : { tokensMax: draftTokensMax, cost: rowCosts.float32 },
    onStep: (step) => steps.push(step),
  });
  return { engine, generator, steps };
}

/** A model that copies: it goes through the same numbers again and again, and slips now and then. */
const copying = (slips = 11): Partial<FakeOptions> => ({
  next: (tokens) => (tokens.length % slips === 0 ? undefined : (((tokens.at(-1) ?? 0) + 1) % 19) + 20),
});
const prompt = Array.from({ length: 40 }, (_, at) => (at % 19) + 20);
const texts = (answers: readonly Collected[]): unknown =>
  answers.map(({ items, end: { reason } }) => ({ items, reason }));

describe('drafts', () => {
  it('bring a text that copies in fewer steps, and tell how many were right', async () => {
    const ask = requestOf(prompt, { maxTokens: 100 });
    const [plain, drafting] = [engineOf(0, copying(1_000)), engineOf(tokensMax, copying(1_000))];
    expect(texts([await collect(drafting.engine, ask)])).toEqual(texts([await collect(plain.engine, ask)]));
    expect(plain.generator.steps).toBe(102);
    expect(drafting.generator.steps).toBeLessThan(40);
    const sum = (of: (step: StepReport) => number): number =>
      drafting.steps.reduce((total, step) => total + of(step), 0);
    expect(sum(({ drawn }) => drawn)).toBe(100);
    expect(sum(({ accepted }) => accepted)).toBe(100 - drafting.steps.filter(({ drawn }) => drawn > 0).length);
    expect(sum(({ drafted }) => drafted)).toBeGreaterThanOrEqual(sum(({ accepted }) => accepted));
  });

  it('are none where nothing is copied', async () => {
    const { engine, generator, steps } = engineOf(tokensMax);
    await collect(engine, requestOf([1, 2, 3], { maxTokens: 100 }));
    expect(generator.steps).toBe(100);
    expect(steps.every(({ drafted }) => drafted === 0)).toBe(true);
  });

  it('change no token, no log-probability and no end, whatever is asked for and whoever is beside', async () => {
    const asked = fc.record({
      length: fc.integer({ min: 1, max: 60 }),
      temperature: fc.constantFrom(0, 0.7),
      repetitionPenalty: fc.constantFrom(1, 1.2),
      maxTokens: fc.integer({ min: 1, max: 80 }),
      stopTokens: fc.uniqueArray(fc.integer({ min: 0, max: 96 }), { maxLength: 3 }),
      seed: fc.nat(),
      choices: fc.integer({ min: 1, max: 3 }),
      // Of which a better one takes the slot of a worse.
      priority: fc.constantFrom(0, 1),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 5, max: 40 }),
        fc.constantFrom(1, 2, 8),
        async (all, slips, slots) => {
          const answersOf = async ({ engine }: { engine: Engine }): Promise<unknown> => {
            const answers = all.flatMap(({ length, maxTokens, stopTokens, choices, seed, priority, ...sampling }) => {
              const promptGroup = Symbol('choices');
              return Array.from({ length: choices }, (_, choice) =>
                collect(
                  engine,
                  requestOf(prompt.slice(0, length), {
                    sampling: { ...plainSampling, ...sampling, seed: seed + choice },
                    maxTokens,
                    stopTokens: new Set(stopTokens),
                    topLogprobs: 2,
                    promptGroup,
                    priority,
                  }),
                ),
              );
            });
            const ended = await Promise.all(answers);
            expect(engine.stats()).toMatchObject({ running: 0, kvTokens: 0 });
            return ended.map(({ items, end: { reason, completionTokens } }) => ({
              items: items.map(({ token, logprob, top }) => ({ token, logprob, top })),
              reason,
              completionTokens,
            }));
          };
          expect(await answersOf(engineOf(tokensMax, { slots, ...copying(slips) }))).toEqual(
            await answersOf(engineOf(0, { slots, ...copying(slips) })),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  it('obey what may come next, token by token', async () => {
    // Never the same token three times from the last allowed, and over after thirty.
    const constraintOf = (): TokenConstraint => {
      let taken = 0;
      return {
        get complete() {
          return taken >= 30;
        },
        allows: (token) => token % 7 !== taken % 7,
        accept: () => void (taken += 1),
      };
    };
    const answers = [];
    for (const max of [0, tokensMax]) {
      const { engine } = engineOf(max, copying());
      answers.push(await collect(engine, requestOf(prompt, { maxTokens: 100, constraint: constraintOf() })));
    }
    expect(answers[1]?.tokens).toHaveLength(30);
    expect(answers[1]?.tokens).toEqual(answers[0]?.tokens);
  });

  it('end with the answer: neither its length nor the context is overrun', async () => {
    for (const maxTokens of [1, 2, 3, 50, 1_000]) {
      const { engine } = engineOf(tokensMax, { ...copying(1_000), slotTokens: 128 });
      const { tokens, end } = await collect(engine, requestOf(prompt, { maxTokens }));
      expect(tokens).toHaveLength(Math.min(maxTokens, 128 - 40));
      expect(end.reason).toBe('length');
    }
  });

  it('leave nobody behind when a reader goes in the middle of them', async () => {
    const { engine } = engineOf(tokensMax, copying(1_000));
    const leaving = engine.generate(requestOf(prompt, { maxTokens: 200 }));
    for (let read = 0; read < 40; read += 1) await leaving.next();
    await leaving.return({} as never);
    const { tokens } = await collect(engine, requestOf(prompt, { maxTokens: 30 }));
    expect(tokens).toEqual(
      (await collect(engineOf(0, copying(1_000)).engine, requestOf(prompt, { maxTokens: 30 }))).tokens,
    );
    expect(engine.stats()).toMatchObject({ running: 0, kvTokens: 0 });
  });
});
