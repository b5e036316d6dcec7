import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { FakeGenerator, type FakeOptions } from '../backend/fake/generator.ts';
import { Engine } from './engine.ts';
import { collect, plainSampling as plain, rejection, requestOf as request } from '../fixtures/generation.ts';
import type { EngineObserver, GenerationEnd } from './generation.ts';

function engineOf(
  options: Partial<FakeOptions> & EngineObserver & { queueMax?: number; prefillChunkTokens?: number } = {},
): {
  engine: Engine;
  generator: FakeGenerator;
} {
  const clock = options.clock ?? systemClock;
  const generator = new FakeGenerator({ slots: 4, slotTokens: 64, vocabularySize: 97, clock, ...options });
  return {
    generator,
    engine: new Engine({
      generator,
      clock,
      queueMax: options.queueMax ?? 64,
      prefillChunkTokens: options.prefillChunkTokens ?? 8,
      ...(options.onStep ? { onStep: options.onStep } : {}),
    }),
  };
}

const prompts = Array.from({ length: 8 }, (_, index) =>
  Array.from({ length: 3 + index * 5 }, (__, at) => (index * 31 + at * 7) % 97),
);

describe('an engine', () => {
  it('gives eight streams at once the same tokens as each alone', async () => {
    for (const temperature of [0, 0.8]) {
      const sampling = { ...plain, temperature };
      const { engine } = engineOf();
      const alone = [];
      for (const prompt of prompts) alone.push(await collect(engine, request(prompt, { sampling })));
      const together = await Promise.all(prompts.map((prompt) => collect(engine, request(prompt, { sampling }))));
      expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
      expect(together.every(({ tokens }) => tokens.length === 10)).toBe(true);
    }
  });

  it('computes a prompt once for several choices, and gives each what it would get alone', async () => {
    const prompt = prompts[5] ?? [];
    const samplings = [3, 4, 5, 6].map((seed) => ({ ...plain, temperature: 1, seed }));
    const lone = engineOf();
    const alone = [];
    for (const sampling of samplings) alone.push((await collect(lone.engine, request(prompt, { sampling }))).tokens);
    const promptGroup = Symbol('choices');
    for (const slots of [4, 2]) {
      const prefilled: number[] = [];
      const { engine } = engineOf({
        slots,
        onStep: ({ kind, tokens }) => kind === 'prefill' && prefilled.push(tokens),
      });
      const beside = collect(engine, request([9, 9]));
      const choices = samplings.map((sampling) => collect(engine, request(prompt, { sampling, promptGroup })));
      expect((await Promise.all(choices)).map(({ tokens }) => tokens)).toEqual(alone);
      await beside;
      const computed = prefilled.reduce((sum, tokens) => sum + tokens, 0) - 2;
      // One that waits for a slot finds the first block of sixteen again.
      const late = prompt.length - 16;
      expect(computed).toBe(prompt.length + (slots === 4 ? late : 3 * late));
    }
  });

  it('lets choices go on when the one that computed their prompt leaves, or its step fails', async () => {
    const prompt = prompts[6] ?? [];
    const promptGroup = Symbol('choices');
    const wanted = (await collect(engineOf().engine, request(prompt))).tokens;
    for (const how of ['leaves', 'fails']) {
      const { engine } = engineOf(how === 'fails' ? { failsAt: (step) => step === 1 } : { stepMs: () => 1 });
      const controller = new AbortController();
      const first = rejection(collect(engine, request(prompt, { promptGroup, signal: controller.signal })));
      const others = [1, 2].map(() => collect(engine, request(prompt, { promptGroup })));
      if (how === 'leaves') {
        await systemClock.sleep(2);
        controller.abort();
      }
      expect(await first).toBeInstanceOf(FleetError);
      for (const { tokens } of await Promise.all(others)) expect(tokens).toEqual(wanted);
      await settled(engine);
    }
  });

  it('finds the beginning of a prompt again, and answers as if it had computed it', async () => {
    const { engine } = engineOf({ slots: 3, slotTokens: 128 });
    const system = Array.from({ length: 40 }, (_, at) => (at * 13) % 97);
    const ask = (...rest: number[]): ReturnType<typeof collect> => collect(engine, request([...system, ...rest]));
    const cached = [];
    for (const rest of [[1], [2, 3], [4], [1]]) {
      const { tokens, end } = await ask(...rest);
      const alone = await collect(engineOf({ slotTokens: 128 }).engine, request([...system, ...rest]));
      expect(tokens).toEqual(alone.tokens);
      cached.push(end.cachedTokens);
    }
    // Whole blocks of sixteen, and never all of a prompt.
    expect(cached).toEqual([0, 32, 32, 32]);
  });

  it('answers the same with a cache, whoever comes and goes beside', async () => {
    const parts = [0, 1, 2].map((seed) => Array.from({ length: 24 }, (_, at) => (seed * 31 + at * 7) % 97));
    const prompt = fc.array(fc.constantFrom(...parts, [5], [6, 7]), { minLength: 1, maxLength: 4 });
    const arrival = fc.record({
      prompt,
      pauseMs: fc.nat(2),
      leaves: fc.boolean(),
      maxTokens: fc.integer({ min: 1, max: 8 }),
    });
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(arrival, { minLength: 4, maxLength: 14 }),
        fc.integer({ min: 1, max: 4 }),
        async (arrivals, slots) => {
          const { engine } = engineOf({ slots, slotTokens: 128, stepMs: () => 0, failsAt: (step) => step % 17 === 16 });
          const all = arrivals.map(async ({ prompt: pieces, pauseMs, leaves, maxTokens }, at) => {
            await systemClock.sleep(at * pauseMs);
            const controller = new AbortController();
            if (leaves) setTimeout(() => controller.abort(), 1);
            const asked = request(pieces.flat(), { maxTokens, signal: controller.signal });
            return { asked, got: await collect(engine, asked).catch(() => undefined) };
          });
          for (const { asked, got } of await Promise.all(all)) {
            if (!got) continue;
            hits += got.end.cachedTokens;
            expect(got.tokens).toEqual(
              (
                await collect(
                  engineOf({ slotTokens: 128 }).engine,
                  request(asked.promptTokens, { maxTokens: asked.maxTokens }),
                )
              ).tokens,
            );
          }
          await settled(engine);
        },
      ),
      { numRuns: 60 },
    );
    expect(hits).toBeGreaterThan(0);
  });

  it('says how an answer ended, and what it took', async () => {
    const { engine } = engineOf();
    const first = await collect(engine, request([1, 2, 3]));
    expect(first.end).toMatchObject({ reason: 'length', promptTokens: 3, completionTokens: 10 });
    const stop = first.tokens[4] ?? 0;
    const stopped = await collect(engine, request([1, 2, 3], { stopTokens: new Set([stop]) }));
    expect(stopped.end.reason).toBe('stop');
    expect(stopped.tokens).toEqual(first.tokens.slice(0, first.tokens.indexOf(stop)));
  });

  it('reports log-probabilities that add up, likeliest first', async () => {
    const { engine } = engineOf();
    for await (const { token, logprob, top } of engine.generate(request([5], { topLogprobs: 97 }))) {
      const sum = (top ?? []).reduce((total, each) => total + Math.exp(each.logprob), 0);
      expect(sum).toBeCloseTo(1, 4);
      expect(top?.[0]).toEqual({ token, logprob });
    }
    expect.hasAssertions();
  });

  it('frees the slot of a reader that leaves within one step', async () => {
    const { engine, generator } = engineOf({ slots: 1 });
    const stream = engine.generate(request([1, 2], { maxTokens: 50 }));
    await stream.next();
    const before = generator.steps;
    await stream.return({} as GenerationEnd);
    await settled(engine);
    expect(generator.steps - before).toBeLessThanOrEqual(2);
    expect((await collect(engine, request([9]))).tokens).toHaveLength(10);
  });

  it.each(['queue', 'prefill', 'decode', "another's prefill"])('survives a cancellation during: %s', async (where) => {
    const { engine, generator } = engineOf({
      slots: where === 'queue' ? 1 : 3,
      clock: systemClock,
      stepMs: () => 2,
      prefillChunkTokens: 2,
    });
    const controller = new AbortController();
    const other = collect(
      engine,
      request(where === "another's prefill" ? (prompts[7] ?? []) : [4, 4], { maxTokens: 12 }),
    );
    const cancelled = collect(
      engine,
      request(where === 'prefill' ? (prompts[6] ?? []) : [1, 2], { signal: controller.signal, maxTokens: 40 }),
    );
    const outcome = expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    await systemClock.sleep(where === 'decode' ? 15 : 5);
    controller.abort();
    await outcome;
    expect((await other).tokens.length).toBe(12);
    await settled(engine);
    const alone = await collect(
      engineOf().engine,
      request(where === "another's prefill" ? (prompts[7] ?? []) : [4, 4], { maxTokens: 12 }),
    );
    expect((await other).tokens).toEqual(alone.tokens);
    expect(generator.steps).toBeGreaterThan(0);
  });

  it('takes no step for a request that was cancelled before it came', async () => {
    const { engine, generator } = engineOf();
    await expect(collect(engine, request([1], { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(generator.steps).toBe(0);
    expect(engine.stats()).toMatchObject({ running: 0, queued: 0, kvTokens: 0 });
  });

  it('loses only the sequences of a step that fails', async () => {
    const { engine } = engineOf({ failsAt: (step) => step === 0 });
    const failing = expect(collect(engine, request([1, 2]))).rejects.toMatchObject({ code: 'engine_failed' });
    const fine = collect(engine, request([3, 4]));
    await failing;
    expect((await fine).tokens).toHaveLength(10);
  });

  it('refuses what does not fit, and more than may wait, with an estimate', async () => {
    const { engine } = engineOf({ slots: 1, queueMax: 1, stepMs: () => 1 });
    await expect(collect(engine, request(Array.from({ length: 64 }, () => 1)))).rejects.toMatchObject({
      code: 'context_length_exceeded',
      param: 'messages',
    });
    const running = [collect(engine, request([1])), collect(engine, request([2]))];
    const refused = collect(engine, request([3])).catch((error: unknown) => error);
    const error = await refused;
    expect(error).toBeInstanceOf(FleetError);
    expect(error).toMatchObject({ code: 'queue_full', status: 429 });
    expect((error as FleetError).retryAfterMs).toBeGreaterThan(0);
    expect(await Promise.all(running)).toHaveLength(2);
  });

  it('drains: finishes what runs, takes nothing new', async () => {
    const { engine } = engineOf({ stepMs: () => 1 });
    const running = collect(engine, request([1]));
    await systemClock.sleep(3);
    const drained = engine.drain(5_000);
    await expect(collect(engine, request([2]))).rejects.toMatchObject({ code: 'shutting_down' });
    expect((await running).tokens).toHaveLength(10);
    await drained;
  });

  it('cuts what is not done when the grace is over', async () => {
    const { engine } = engineOf({ stepMs: () => 5 });
    const running = expect(collect(engine, request([1], { maxTokens: 60 }))).rejects.toMatchObject({
      code: 'shutting_down',
    });
    await systemClock.sleep(20);
    await engine.drain(10);
    await running;
  });

  it('shows a step that hangs as an old heartbeat, and none when it rests', async () => {
    const clock = new ManualClock();
    const { engine } = engineOf({ clock, stepMs: () => 1_000_000 });
    expect(engine.stats().heartbeatAgeMs).toBe(0);
    const stream = engine.generate(request([1]));
    void stream.next().catch(() => undefined);
    await clock.advance(30_000);
    expect(engine.stats().heartbeatAgeMs).toBeGreaterThanOrEqual(30_000);
  });

  it('ends every request once, and comes to rest, whatever happens to them', async () => {
    const asked = fc.record({
      prompt: fc.array(fc.nat({ max: 96 }), { minLength: 1, maxLength: 70 }),
      max: fc.integer({ min: 1, max: 30 }),
      leaveAfter: fc.option(fc.nat({ max: 12 })),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), async (requests, slots) => {
        const { engine } = engineOf({ slots, queueMax: 100 });
        const outcomes = await Promise.allSettled(
          requests.map(async ({ prompt, max, leaveAfter, seed }) => {
            let taken = 0;
            for await (const token of engine.generate(
              request(prompt, { maxTokens: max, sampling: { ...plain, temperature: 1, seed } }),
            )) {
              expect(token.token).toBeLessThan(97);
              taken += 1;
              if (taken === leaveAfter) return;
            }
          }),
        );
        await settled(engine);
        expect(engine.stats()).toMatchObject({ running: 0, queued: 0, kvTokens: 0 });
        outcomes.forEach((outcome, index) => {
          const tooLong = (requests[index]?.prompt.length ?? 0) >= 64;
          expect(outcome.status).toBe(tooLong ? 'rejected' : 'fulfilled');
        });
      }),
      { numRuns: 60 },
    );
  });
});

async function settled(engine: Engine): Promise<void> {
  for (let turn = 0; turn < 200 && engine.stats().running > 0; turn += 1) await systemClock.sleep(2);
}
