import { systemClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { describe, expect, it } from 'vitest';
import { FakeGenerator } from '../backend/fake/generator.ts';
import { Engine } from '../engine/engine.ts';
import type { GenerationEngine } from '../engine/generation.ts';
import { collect, rejection, requestOf } from '../fixtures/generation.ts';
import { fakeAdapter } from '../fixtures/served.ts';
import { Adapters } from './adapters.ts';

const never = new AbortController().signal;

async function made(names: readonly string[], { places = 1, open = fakeAdapter, stepMs = 0 } = {}) {
  const generator = new FakeGenerator({
    slots: 4,
    slotTokens: 64,
    vocabularySize: 50,
    clock: systemClock,
    adapters: { places, rankMax: 8 },
    stepMs: () => stepMs,
  });
  if (!generator.adapters) throw new Error('no places');
  const engine = new Engine({ generator, clock: systemClock, prefillChunkTokens: 16, queueMax: 50 });
  const adapters = new Adapters({ places: generator.adapters, open, namesMax: 9, waitingMax: 50, taken: [] });
  for (const name of names) await adapters.add({ name, uri: `file:///${name}` }, never);
  const of = (name: string): GenerationEngine => {
    const own = adapters.engine(name, engine);
    if (!own) throw new Error(`no ${name}`);
    return own;
  };
  return { adapters, engine, of };
}

describe('an adapter’s place', () => {
  it('is kept while a step still reads it, though its reader has left', async () => {
    const { of } = await made(['a', 'b'], { stepMs: 5 });
    const { tokens } = await collect(of('b'), requestOf([1, 2, 3]));
    for (let round = 0; round < 3; round += 1) {
      for await (const _ of of('a').generate(requestOf([1, 2, 3]))) break;
      // The fake backend refuses to write to a place that a step reads.
      expect((await collect(of('b'), requestOf([1, 2, 3]))).tokens).toEqual(tokens);
    }
  });

  it('is free again after a request that the engine refused', async () => {
    const { of } = await made(['a', 'b']);
    const long = requestOf(Array.from({ length: 64 }, () => 1));
    for (const name of ['a', 'b', 'a'])
      expect(await rejection(collect(of(name), long))).toMatchObject({ code: 'context_length_exceeded' });
    expect((await collect(of('b'), requestOf([1]))).tokens).toHaveLength(10);
  });

  it('is free again after a drain, and nobody waits for one for ever', async () => {
    const { of, engine } = await made(['a', 'b'], { stepMs: 5 });
    const running = rejection(collect(of('a'), requestOf([1], { maxTokens: 60 })));
    const waiting = rejection(collect(of('b'), requestOf([1])));
    await new Promise((resolve) => setTimeout(resolve, 15));
    expect(await engine.drain(0)).toBe(true);
    expect(await running).toMatchObject({ code: 'shutting_down' });
    expect(await waiting).toMatchObject({ code: 'shutting_down' });
  });

  it('goes to those that came first, not only to those whose adapter has one', async () => {
    const { of } = await made(['a', 'b'], { stepMs: 1 });
    const ended: string[] = [];
    const ask = async (name: string, maxTokens: number): Promise<void> => {
      await collect(of(name), requestOf([1], { maxTokens }));
      ended.push(name);
    };
    const all = [ask('a', 10), ask('b', 3), ...Array.from({ length: 5 }, () => ask('a', 3))];
    await Promise.all(all);
    expect(ended.slice(0, 2)).toEqual(['a', 'b']);
  });

  it('goes to an adapter that was asked for before of those that were used longest ago', async () => {
    let opened: string[] = [];
    const { of } = await made(['a', 'b', 'c'], {
      places: 2,
      open: async (reference, signal) => {
        const adapter = await fakeAdapter(reference, signal);
        const open = async () => {
          opened.push(reference.name);
          return adapter.open();
        };
        return { ...adapter, open };
      },
    });
    opened = [];
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await collect(of(name), requestOf([1]));
    expect(opened).toEqual(['a', 'b', 'c', 'b']);
  });

  it('is not lost to an adapter whose files have changed, which says so each time', async () => {
    const changed = new FleetError('digest_mismatch', 'its files have changed');
    let fails = false;
    const { of } = await made(['a', 'b'], {
      open: async (reference, signal) => {
        const adapter = await fakeAdapter(reference, signal);
        const open = async () => {
          if (fails && reference.name === 'a') throw changed;
          return adapter.open();
        };
        return { ...adapter, open };
      },
    });
    const { tokens } = await collect(of('a'), requestOf([1]));
    await collect(of('b'), requestOf([1]));
    fails = true;
    const both = ['a', 'a'].map((name) => rejection(collect(of(name), requestOf([1]))));
    expect(await Promise.all(both)).toEqual([changed, changed]);
    expect((await collect(of('b'), requestOf([1]))).tokens).toHaveLength(10);
    fails = false;
    expect((await collect(of('a'), requestOf([1]))).tokens).toEqual(tokens);
  });
});

describe('a name', () => {
  it('that is being loaded cannot be loaded twice, and is free when that fails', async () => {
    const { adapters } = await made([]);
    const [first, second] = ['file:///broken', 'file:///x'].map((uri) =>
      rejection(adapters.add({ name: 'a', uri }, never)),
    );
    expect(await second).toMatchObject({
      code: 'conflict',
      message: 'Adapter "a" is being loaded. Try again when that is over.',
    });
    expect(await first).toMatchObject({ code: 'invalid_model' });
    await adapters.add({ name: 'a', uri: 'file:///x' }, never);
    expect(adapters.names).toEqual(['a']);
  });
});
