import { describe, expect, it } from 'vitest';
import { ManualClock } from '@qwenfleet/core/clock';
import { collect, rejection, requestOf } from './fixtures/generation.ts';
import { fakeModel, type ModelOptions } from './fixtures/served.ts';
import { HealthCheck } from './health.ts';

function checked(options: ModelOptions = {}) {
  const clock = new ManualClock();
  const model = fakeModel({ ...options, clock });
  const health = new HealthCheck(clock);
  const { served } = model.loaded;
  return {
    ...model,
    clock,
    live: (): void => health.assertLive(served),
    /** The verdict, with the clock moved on as far as is needed. */
    ready: async (withinMs = 0): Promise<unknown> => {
      const verdict = rejection(health.assertReady(served));
      await clock.advance(withinMs);
      return verdict;
    },
  };
}
const failed = { code: 'engine_failed' };

describe('a healthy engine', () => {
  it('answers a question when it rests, and is not asked again at once', async () => {
    const { ready, generator, clock } = checked();
    expect(await ready()).toBeUndefined();
    expect(generator.steps).toBe(1);
    expect(await ready()).toBeUndefined();
    expect(generator.steps).toBe(1);
    await clock.advance(10_000);
    expect(await ready()).toBeUndefined();
    expect(generator.steps).toBe(2);
  });

  it('is asked once when many ask at the same time', async () => {
    const { ready, generator } = checked({ stepMs: () => 50 });
    const verdicts = await Promise.all([ready(100), ready(), ready()]);
    expect(verdicts).toEqual([undefined, undefined, undefined]);
    expect(generator.steps).toBe(1);
  });

  it('that works is not asked: its steps are the answer', async () => {
    const { ready, live, engine, generator, clock } = checked({ stepMs: () => 100 });
    void rejection(collect(engine, requestOf([1], { maxTokens: 100 })));
    await clock.advance(1_000);
    const { steps } = generator;
    expect(await ready()).toBeUndefined();
    expect(generator.steps).toBe(steps);
    live();
  });

  it('with steps that are long for everybody is not taken for one that hangs', async () => {
    const { ready, live, engine, clock } = checked({ stepMs: () => 20_000 });
    void rejection(collect(engine, requestOf([1], { maxTokens: 100 })));
    // The first one has shown how long is long here.
    await clock.advance(20_000);
    await clock.advance(19_000);
    expect(engine.stats().heartbeatAgeMs).toBeGreaterThan(15_000);
    expect(await ready()).toBeUndefined();
    live();
  });
});

describe('an engine that hangs', () => {
  it('is unready within seconds, and not alive soon after', async () => {
    const { ready, live, engine, clock } = checked({ stepMs: () => 1e9 });
    void rejection(collect(engine, requestOf([1])));
    await clock.advance(4_000);
    expect(await ready()).toBeUndefined();
    live();
    await clock.advance(2_000);
    expect(await ready()).toMatchObject(failed);
    live();
    await clock.advance(10_000);
    expect(live).toThrow(/16 s ago/);
  });

  it('is unready when it is our own question that hangs, and nobody else asks anything', async () => {
    const { ready, live, clock } = checked({ stepMs: () => 1e9 });
    expect(await ready(6_000)).toMatchObject(failed);
    expect(await ready()).toMatchObject(failed);
    await clock.advance(15_000);
    expect(live).toThrow(/engine/);
  });

  it('is measured against what its own steps take', async () => {
    const { ready, live, engine, clock } = checked({ stepMs: (tokens) => (tokens > 1 ? 1_000 : 1e9) });
    void rejection(collect(engine, requestOf([1, 2, 3])));
    // Ten and thirty times the prompt's step.
    await clock.advance(1_000 + 9_000);
    expect(await ready()).toBeUndefined();
    await clock.advance(2_000);
    expect(await ready()).toMatchObject(failed);
    live();
    await clock.advance(20_000);
    expect(live).toThrow(/engine/);
  });
});

describe('an engine that fails', () => {
  it('is unready with what it failed with, is asked again each time, and is ready when it is well', async () => {
    let broken = true;
    const { ready, generator } = checked({ failsAt: () => broken });
    expect(await ready()).toMatchObject(failed);
    expect(await ready()).toMatchObject(failed);
    expect(generator.steps).toBe(2);
    broken = false;
    expect(await ready()).toBeUndefined();
  });
});
