import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '@qwenfleet/core/clock';
import { FakeGenerator, type FakeOptions } from '../backend/fake/generator.ts';
import { collect, plainSampling as plain, rejection, requestOf as request } from '../fixtures/generation.ts';
import { Engine } from './engine.ts';
import type { EndedAnswer, EngineObserver, GenerationEnd } from './generation.ts';

type Options = Partial<FakeOptions> & { queueMax?: number; prefillChunkTokens?: number; observer?: EngineObserver };

function engineOf(options: Options = {}): { engine: Engine; generator: FakeGenerator } {
  const clock = options.clock ?? systemClock;
  const generator = new FakeGenerator({ slots: 4, slotTokens: 64, vocabularySize: 97, clock, ...options });
  const { queueMax = 64, prefillChunkTokens = 8, observer } = options;
  return { generator, engine: new Engine({ generator, clock, queueMax, prefillChunkTokens, ...observer }) };
}

const prompts = Array.from({ length: 8 }, (_, index) =>
  Array.from({ length: 3 + index * 5 }, (__, at) => (index * 31 + at * 7) % 97),
);

describe("an engine's end", () => {
  it('tells the readers of a step that hangs, and does not wait for it', async () => {
    const clock = new ManualClock();
    const { engine } = engineOf({ clock, stepMs: () => 1_000_000 });
    const outcomes = [1, 2].map((token) => rejection(collect(engine, request([token]))));
    await clock.advance(0);
    const drained = engine.drain(5_000);
    await clock.advance(60_000);
    expect(await drained).toBe(false);
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'shutting_down' });
    // The step comes back after all: nothing follows, and nothing fails.
    await clock.advance(2_000_000);
    expect(engine.stats()).toMatchObject({ running: 0, queued: 0, heartbeatAgeMs: 0 });
  });

  it('says whether it came to rest, and frees the model once', async () => {
    const { engine, generator } = engineOf({ stepMs: () => 1 });
    const running = collect(engine, request([1]));
    expect(await engine.drain(5_000)).toBe(true);
    expect((await running).tokens).toHaveLength(10);
    await engine.release();
    await engine.release();
    expect(generator.released).toBe(true);
    expect(await rejection(collect(engine, request([1])))).toMatchObject({ code: 'shutting_down' });
  });

  it('cuts those that wait at once when there is no grace', async () => {
    const { engine, generator } = engineOf({ slots: 1, stepMs: () => 2 });
    const outcomes = [1, 2, 3].map((token) => rejection(collect(engine, request([token], { maxTokens: 50 }))));
    await expect.poll(() => generator.steps, { interval: 1 }).toBeGreaterThan(0);
    const { steps } = generator;
    expect(await engine.drain(0)).toBe(true);
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'shutting_down' });
    expect(generator.steps - steps).toBeLessThan(50);
  });
});

describe('a fault of the engine itself', () => {
  it('ends everything that runs or waits with an error, is told, and the engine goes on', async () => {
    const faults: Error[] = [];
    const { engine, generator } = engineOf({ slots: 2, observer: { onFault: (error) => faults.push(error) } });
    const copy = generator.copySlot.bind(generator);
    let broken = true;
    generator.copySlot = (...args) => {
      if (broken) throw new Error('the cache cannot be copied');
      copy(...args);
    };
    // The first to end leaves a gap, which a copy has to close: outside of a step, when a reader has left.
    const first = engine.generate(request([9], { maxTokens: 60 }));
    await first.next();
    const outcomes = [30, 31].map((maxTokens) => rejection(collect(engine, request([maxTokens], { maxTokens }))));
    await expect.poll(() => engine.stats().running, { interval: 1 }).toBe(2);
    await first.return({} as GenerationEnd);
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'engine_failed' });
    expect(faults.map(({ message }) => message)).toEqual(['the cache cannot be copied']);
    broken = false;
    expect((await collect(engine, request([5]))).tokens).toHaveLength(10);
    expect(engine.stats()).toMatchObject({ running: 0, queued: 0, kvTokens: 0 });
  });

  it('is not an observer that throws: it takes the step with it, and no more', async () => {
    let calls = 0;
    const onStep = (): void => {
      calls += 1;
      if (calls === 1) throw new Error('no room for another metric');
    };
    const { engine } = engineOf({ observer: { onStep } });
    expect(await rejection(collect(engine, request([1])))).toMatchObject({ code: 'internal' });
    expect((await collect(engine, request([1]))).tokens).toHaveLength(10);
  });

  it('in the weights, whose logits are no numbers, is an error and not a made-up token', async () => {
    const { engine, generator } = engineOf();
    const step = generator.step.bind(generator);
    generator.step = async (asked) => (await step(asked)).fill(Number.NaN);
    expect(await rejection(collect(engine, request([1])))).toMatchObject({ code: 'engine_failed' });
    expect(engine.stats().running).toBe(0);
  });
});

describe('what an engine counts', () => {
  it('is what it computed: prompt tokens once, and every token that it drew', async () => {
    const seen: Record<string, number> = {};
    const ends: EndedAnswer[] = [];
    const { engine } = engineOf({
      observer: {
        onStep: ({ kind, tokens, drawn }) => {
          seen[kind] = (seen[kind] ?? 0) + tokens;
          seen['drawn'] = (seen['drawn'] ?? 0) + drawn;
        },
        onEnd: (end) => ends.push(end),
      },
    });
    const all = await Promise.all(
      prompts.map((prompt, index) => collect(engine, request(prompt, { maxTokens: index + 1 }))),
    );
    const prompt = prompts.reduce((sum, { length }) => sum + length, 0);
    const drawn = all.reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect(seen).toMatchObject({ prefill: prompt, drawn });
    // The last token of an answer is drawn and never fed.
    expect(seen['decode']).toBe(drawn - all.length);
    expect(ends.reduce((sum, { completionTokens }) => sum + completionTokens, 0)).toBe(drawn);
  });

  it('has answers that their readers have left, and no prompt that was not whole', async () => {
    const begun: object[] = [];
    const ended: number[] = [];
    const observer: EngineObserver = {
      onFirstToken: ({ promptTokens, cachedTokens }) => begun.push({ promptTokens, cachedTokens }),
      onEnd: ({ completionTokens }) => ended.push(completionTokens),
    };
    const { engine } = engineOf({ observer });
    const [long = []] = prompts.slice(-1);
    for (const count of [1, 3]) {
      let taken = 0;
      for await (const _ of engine.generate(request(long))) if ((taken += 1) === count) break;
      await expect.poll(() => engine.stats().running, { interval: 1 }).toBe(0);
    }
    const left = new AbortController();
    const early = rejection(collect(engine, request([5, ...long], { signal: left.signal })));
    left.abort();
    expect(await early).toMatchObject({ code: 'cancelled' });
    expect(begun).toEqual([
      { promptTokens: 38, cachedTokens: 0 },
      { promptTokens: 38, cachedTokens: 32 },
    ]);
    // The step that runs when a reader leaves may draw one more.
    expect(ended).toHaveLength(2);
    for (const [at, taken] of [1, 3].entries()) expect([taken, taken + 1]).toContain(ended[at]);
  });

  it('leaves out our own questions, and steps that failed', async () => {
    let told = 0;
    const observer = { onStep: () => (told += 1), onEnd: () => (told += 1), onFirstToken: () => (told += 1) };
    const { engine } = engineOf({ observer, failsAt: (step) => step === 1 });
    await collect(engine, request([1, 2], { internal: true, maxTokens: 1 }));
    await rejection(collect(engine, request([1, 2])));
    expect(told).toBe(0);
  });

  it('tells times that add up: queued, then the first token, then the end', async () => {
    const { engine } = engineOf({ slots: 1, stepMs: () => 3 });
    const [first, second] = await Promise.all([
      collect(engine, request([1], { maxTokens: 5 })),
      collect(engine, request([2], { maxTokens: 5 })),
    ]);
    for (const { end } of [first, second]) {
      expect(end.queuedMs).toBeLessThanOrEqual(end.firstTokenMs);
      expect(end.firstTokenMs).toBeLessThan(end.totalMs);
    }
    expect(first.end.queuedMs).toBeLessThan(second.end.queuedMs);
    // It came a moment later, so its wait is shorter than the whole of the other.
    expect(second.end.queuedMs).toBeGreaterThan(first.end.firstTokenMs);
  });

  it('says how long a request would wait: nothing while a slot is free, more with each that waits', async () => {
    const { engine } = engineOf({ slots: 2, stepMs: () => 2 });
    expect(engine.stats().waitMs).toBe(0);
    const running = [collect(engine, request([1], { maxTokens: 60 }))];
    expect(engine.stats().waitMs).toBe(0);
    const waits = [2, 3, 4].map((token) => {
      running.push(collect(engine, request([token], { maxTokens: 60 })));
      return engine.stats().waitMs;
    });
    expect(waits[0]).toBeGreaterThan(0);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    await Promise.all(running);
    expect(engine.stats()).toMatchObject({ waitMs: 0 });
    expect(engine.stats().longestStepMs).toBeGreaterThan(0);
  });

  it('never shows more in the cache than fits it, while sequences come and go', async () => {
    const { engine } = engineOf({ slots: 3, stepMs: () => 1 });
    let over = false;
    const running = Promise.all(prompts.map((prompt) => collect(engine, request(prompt)))).finally(() => (over = true));
    let most = 0;
    for (; !over; await systemClock.sleep(1)) {
      const { kvTokens, kvTokensMax, running: now, slots } = engine.stats();
      expect(kvTokens).toBeLessThanOrEqual(kvTokensMax);
      expect(now).toBeLessThanOrEqual(slots);
      most = Math.max(most, kvTokens);
    }
    await running;
    expect(most).toBeGreaterThan(0);
    expect(engine.stats().kvTokens).toBe(0);
  });
});

describe("a prompt's own log-probabilities", () => {
  const prompt = prompts[5] ?? [];

  it.each([1, 3, 8])('come before the answer, one for each token, in chunks of %i', async (prefillChunkTokens) => {
    const { engine } = engineOf({ slots: 3, prefillChunkTokens });
    const asked = request(prompt, { promptLogprobs: true, topLogprobs: 97, maxTokens: 3 });
    const { items, end } = await collect(engine, asked);
    const own = items.filter(({ ofPrompt }) => ofPrompt);
    expect(own.map(({ token }) => token)).toEqual(prompt);
    expect(items.slice(0, prompt.length)).toEqual(own);
    expect(own[0]?.logprob).toBeUndefined();
    for (const { token, logprob, top = [] } of own.slice(1)) {
      expect(top.find((each) => each.token === token)?.logprob).toBe(logprob);
      expect(top.reduce((sum, each) => sum + Math.exp(each.logprob), 0)).toBeCloseTo(1, 4);
    }
    expect(end).toMatchObject({ completionTokens: 3, promptTokens: prompt.length });
  });

  it('are those that the tokens have when they are drawn', async () => {
    const { engine } = engineOf();
    const drawn = await collect(engine, request(prompt, { topLogprobs: 0 }));
    const whole = [...prompt, ...drawn.tokens];
    const again = await collect(engine, request(whole, { promptLogprobs: true, topLogprobs: 0, maxTokens: 1 }));
    const later = again.items.filter(({ ofPrompt }) => ofPrompt).slice(prompt.length);
    expect(later.map(({ logprob }) => logprob)).toEqual(drawn.items.map(({ logprob }) => logprob));
  });

  it('change nothing for the neighbours', async () => {
    const { engine } = engineOf();
    const alone = await collect(engine, request([4, 5, 6]));
    const [, beside] = await Promise.all([
      collect(engine, request(prompts[7] ?? [], { promptLogprobs: true, topLogprobs: 2 })),
      collect(engine, request([4, 5, 6])),
    ]);
    expect(beside.tokens).toEqual(alone.tokens);
  });
});

describe('a seed', () => {
  const sampling = (seed: number): typeof plain => ({ ...plain, temperature: 1, seed });

  it.each([0, -1, 2 ** 31, 2 ** 53 - 1])('of %d gives the same tokens again, whoever is beside', async (seed) => {
    const { engine } = engineOf();
    const alone = await collect(engine, request([1, 2], { sampling: sampling(seed), maxTokens: 20 }));
    const [again] = await Promise.all([
      collect(engine, request([1, 2], { sampling: sampling(seed), maxTokens: 20 })),
      ...prompts.map((prompt) => collect(engine, request(prompt, { sampling: sampling(3) }))),
    ]);
    expect(again?.tokens).toEqual(alone.tokens);
  });

  it('that differs gives other tokens', async () => {
    const { engine } = engineOf();
    const ask = (seed: number): ReturnType<typeof collect> =>
      collect(engine, request([1, 2], { sampling: sampling(seed), maxTokens: 20 }));
    const answers = await Promise.all(Array.from({ length: 8 }, (_, seed) => ask(seed)));
    expect(new Set(answers.map(({ tokens }) => tokens.join())).size).toBe(8);
  });
});

describe('the room for an answer', () => {
  const long = (length: number): number[] => Array.from({ length }, () => 1);

  it.each([
    [60, 1_000, 4],
    [63, 10, 1],
    [1, 63, 63],
  ])('after %i tokens is what the context leaves: %i are asked for, %i come', async (prompt, maxTokens, wanted) => {
    const { tokens, end } = await collect(engineOf().engine, request(long(prompt), { maxTokens }));
    expect(tokens).toHaveLength(wanted);
    expect(end).toMatchObject({ reason: 'length', completionTokens: wanted });
  });

  it('may stay empty, when a stop token is the first', async () => {
    const { engine } = engineOf();
    const [first = 0] = (await collect(engine, request([1, 2]))).tokens;
    const { tokens, end } = await collect(engine, request([1, 2], { stopTokens: new Set([first]) }));
    expect(tokens).toEqual([]);
    expect(end).toMatchObject({ reason: 'stop', completionTokens: 0 });
    expect(end.firstTokenMs).toBeGreaterThanOrEqual(0);
  });
});
