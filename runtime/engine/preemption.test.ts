import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '@qwenfleet/core/clock';
import { FakeGenerator, type FakeOptions } from '../backend/fake/generator.ts';
import { collect, collectBeside, plainSampling as plain, rejection, requestOf } from '../fixtures/generation.ts';
import { Engine } from './engine.ts';
import type { GenerationEnd, GenerationRequest, TokenConstraint } from './generation.ts';

function engineOf(options: Partial<FakeOptions> = {}): { engine: Engine; preempted: () => number } {
  let preemptions = 0;
  const settings = { slots: 1, slotTokens: 128, vocabularySize: 97, clock: systemClock };
  const generator = new FakeGenerator({ ...settings, ...options });
  const onPreempted = (): void => void (preemptions += 1);
  const engine = new Engine({ generator, clock: systemClock, prefillChunkTokens: 8, queueMax: 64, onPreempted });
  return { engine, preempted: () => preemptions };
}

const prompt = Array.from({ length: 37 }, (_, at) => (at * 13) % 97);
const urgent = (): GenerationRequest => requestOf([7, 8, 9], { priority: -1, maxTokens: 3 });

/** Allows every third token, in turns: what it allows depends on all that it has accepted. */
function everyThird(): TokenConstraint {
  let turn = 0;
  return {
    get complete() {
      return turn === 18;
    },
    allows: (token) => token % 3 === turn % 3,
    accept(token) {
      if (!this.allows(token)) throw new Error(`token ${token} is not allowed`);
      turn += 1;
    },
  };
}

const kinds: Record<string, () => Partial<GenerationRequest>> = {
  greedy: () => ({}),
  drawn: () => ({ sampling: { ...plain, temperature: 1, seed: 11 } }),
  'drawn with penalties': () => ({
    sampling: { ...plain, temperature: 1, presencePenalty: 1.5, frequencyPenalty: 1, repetitionPenalty: 1.3 },
  }),
  'drawn with a bias and a cut': () => ({
    sampling: { ...plain, temperature: 1, topK: 9, topP: 0.9, logitBias: new Map([[5, 3]]) },
  }),
  'kept to a grammar': () => ({ sampling: { ...plain, temperature: 1 }, constraint: everyThird() }),
  'with log-probabilities': () => ({ topLogprobs: 4 }),
  "with its prompt's log-probabilities": () => ({ topLogprobs: 2, promptLogprobs: true }),
};

const countsOf = ({ reason, promptTokens, completionTokens, cachedTokens }: GenerationEnd): object => {
  return { reason, promptTokens, completionTokens, cachedTokens };
};

describe('an answer that loses its slot to a better priority', () => {
  it.each(Object.keys(kinds))('is the one that it would have been: %s', async (kind) => {
    const asked = (): GenerationRequest => requestOf(prompt, { maxTokens: 24, ...kinds[kind]?.() });
    const alone = await collect(engineOf().engine, asked());
    const length = alone.items.length;
    for (const after of [[0], [1], [length - 2], [2, 9], [0, 5, length - 4]]) {
      const { engine, preempted } = engineOf();
      const { items, end } = await collectBeside(engine, asked(), { after, ask: urgent });
      expect(items).toEqual(alone.items);
      expect(countsOf(end)).toEqual(countsOf(alone.end));
      expect(preempted()).toBe(after.length);
    }
  });

  it('goes on though choices of its prompt come and go, and each gets its own', async () => {
    const choice = (seed: number): Partial<GenerationRequest> => ({
      sampling: { ...plain, temperature: 1, seed },
      maxTokens: 12,
    });
    const alone = [];
    for (const seed of [1, 2, 3])
      alone.push((await collect(engineOf().engine, requestOf(prompt, choice(seed)))).tokens);
    for (const after of [[1], [1, 2, 3], [2, 7]]) {
      const { engine, preempted } = engineOf({ slots: 3 });
      const promptGroup = Symbol('choices');
      const ask = (seed: number): GenerationRequest => requestOf(prompt, { ...choice(seed), promptGroup });
      const [first, ...others] = await Promise.all([
        collectBeside(engine, ask(1), { after, ask: urgent }),
        collect(engine, ask(2)),
        collect(engine, ask(3)),
      ]);
      expect([first, ...others].map(({ tokens }) => tokens)).toEqual(alone);
      expect(preempted()).toBeGreaterThan(0);
    }
  });

  it('may be left while it waits to go on', async () => {
    const { engine, preempted } = engineOf();
    const leaving = new AbortController();
    const stream = engine.generate(requestOf(prompt, { signal: leaving.signal, maxTokens: 60 }));
    await stream.next();
    const first = collect(engine, { ...urgent(), maxTokens: 60 });
    await expect.poll(preempted, { interval: 1 }).toBe(1);
    leaving.abort();
    const rest = async (): Promise<void> => {
      for await (const _ of stream);
    };
    expect(await rejection(rest())).toMatchObject({ code: 'cancelled' });
    expect(engine.stats()).toMatchObject({ queued: 0 });
    expect((await first).tokens).toHaveLength(60);
    expect(engine.stats()).toMatchObject({ running: 0, queued: 0, kvTokens: 0 });
  });

  it('is right whatever priorities, departures and failures there are', async () => {
    const arrival = fc.record({
      length: fc.integer({ min: 1, max: 60 }),
      priority: fc.integer({ min: -2, max: 2 }),
      pauseMs: fc.nat(2),
      leaves: fc.boolean(),
      choices: fc.integer({ min: 1, max: 3 }),
      seed: fc.nat(),
      maxTokens: fc.integer({ min: 1, max: 12 }),
    });
    let preemptions = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(arrival, { minLength: 4, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        async (arrivals, slots) => {
          const { engine, preempted } = engineOf({ slots, failsAt: (step) => step % 31 === 30 });
          const all = arrivals.flatMap(({ length, priority, pauseMs, leaves, choices, seed, maxTokens }, at) => {
            const controller = new AbortController();
            const promptGroup = Symbol('choices');
            return Array.from({ length: choices }, async (_, choice) => {
              const sampling = { ...plain, temperature: 1, seed: seed + choice };
              const asked = requestOf(prompt.concat(prompt).slice(0, length), { sampling, maxTokens, priority });
              await systemClock.sleep(at * pauseMs);
              if (leaves) setTimeout(() => controller.abort(), 2);
              const got = await collect(engine, { ...asked, promptGroup, signal: controller.signal }).catch(
                () => undefined,
              );
              return { asked, got };
            });
          });
          for (const { asked, got } of await Promise.all(all)) {
            if (got) expect(got.tokens).toEqual((await collect(engineOf().engine, asked)).tokens);
          }
          expect(await engine.drain(5_000)).toBe(true);
          expect(engine.stats()).toMatchObject({ running: 0, queued: 0, kvTokens: 0 });
          preemptions += preempted();
        },
      ),
      { numRuns: 40 },
    );
    expect(preemptions).toBeGreaterThan(0);
  });
});
