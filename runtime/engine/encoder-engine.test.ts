import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock, type Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { Encoder } from '../backend/backend.ts';
import { rejection } from '../fixtures/generation.ts';
import { EncoderEngine } from './encoder-engine.ts';
import type { StepReport } from './model-engine.ts';

type Options = { clock?: Clock; inputMs?: number; queueMax?: number; failsOn?: number };

/** An encoder whose vector is the input's sum and length, and that counts what it is asked for. */
function engineOf({ clock = systemClock, inputMs = 0, queueMax = 8, failsOn }: Options = {}) {
  const seen: number[] = [];
  const steps: StepReport[] = [];
  const state = { released: 0, busy: false };
  const encoder: Encoder = {
    kind: 'encoder',
    dimensions: 2,
    tokensMax: 16,
    memoryBytes: 0,
    async encode(inputs) {
      if (state.busy) throw new Error('two inputs at once');
      state.busy = true;
      await clock.sleep(inputMs);
      state.busy = false;
      return inputs.map((input) => {
        seen.push(input[0] ?? -1);
        if (input[0] === failsOn) throw new FleetError('engine_failed', 'A step of the model failed.');
        return Float32Array.of(
          input.reduce((sum, token) => sum + token, 0),
          input.length,
        );
      });
    },
    release: async () => void (state.released += 1),
  };
  const engine = new EncoderEngine({ encoder, clock, queueMax, onStep: (step) => steps.push(step) });
  const encode = (inputs: number[][], signal = new AbortController().signal): Promise<Float32Array[]> =>
    engine.encode({ inputs, signal });
  return { engine, encode, seen, steps, state };
}

const many = (count: number, token: number): number[][] => Array.from({ length: count }, () => [token]);

describe('an encoder engine', () => {
  it('gives every request its vectors, in the order of its inputs, whatever else is asked', async () => {
    const inputs = fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(inputs, { minLength: 1, maxLength: 8 }), async (requests) => {
        const { encode, engine } = engineOf();
        const answers = await Promise.all(requests.map((request) => encode(request)));
        answers.forEach((vectors, at) =>
          expect(vectors.map((vector) => [...vector])).toEqual(
            requests[at]?.map((input) => [input.reduce((sum, token) => sum + token, 0), input.length]),
          ),
        );
        expect(engine.stats()).toMatchObject({ running: 0, queued: 0 });
      }),
      { numRuns: 50, seed: 3 },
    );
  });

  it('lets requests take turns: one text does not wait for all of a request with hundreds', async () => {
    const { encode, seen } = engineOf();
    const order: string[] = [];
    await Promise.all([
      encode(many(300, 1)).then(() => order.push('many')),
      encode([[2]]).then(() => order.push('one')),
    ]);
    expect(order).toEqual(['one', 'many']);
    expect(seen.indexOf(2)).toBeLessThan(3);
  });

  it('stops a request whose client has left within one input, and goes on with the others', async () => {
    const { encode, seen, engine } = engineOf({ inputMs: 1 });
    const left = new AbortController();
    const gone = rejection(encode(many(500, 1), left.signal));
    const stays = encode(many(3, 2));
    await expect.poll(() => seen.length, { interval: 1 }).toBeGreaterThan(1);
    left.abort();
    const before = seen.filter((token) => token === 1).length;
    expect(await gone).toMatchObject({ code: 'cancelled' });
    expect(await stays).toHaveLength(3);
    expect(seen.filter((token) => token === 1).length - before).toBeLessThanOrEqual(1);
    expect(engine.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  it('computes nothing for a client that left before', async () => {
    const { encode, seen } = engineOf();
    expect(await rejection(encode([[1]], AbortSignal.abort()))).toMatchObject({ code: 'cancelled' });
    expect(seen).toEqual([]);
  });

  it('refuses one more than may wait, and says when to come back', async () => {
    const { encode, engine } = engineOf({ inputMs: 2, queueMax: 1 });
    await encode([[1]]);
    const running = [encode(many(4, 1)), encode(many(4, 1))];
    expect(engine.stats()).toMatchObject({ running: 1, queued: 1 });
    expect(engine.stats().waitMs).toBeGreaterThan(0);
    const refused = await rejection(encode([[1]]));
    expect(refused).toMatchObject({ code: 'queue_full' });
    expect((refused as FleetError).retryAfterMs).toBeGreaterThan(0);
    expect(await Promise.all(running)).toHaveLength(2);
  });

  it('loses only the request whose input failed', async () => {
    const { encode } = engineOf({ failsOn: 7 });
    const [bad, good] = await Promise.all([rejection(encode([[1], [7], [1]])), encode([[2], [3]])]);
    expect(bad).toMatchObject({ code: 'engine_failed' });
    expect(good).toHaveLength(2);
  });

  it('counts tokens, and leaves its own questions out', async () => {
    const { engine, encode, steps } = engineOf();
    await encode([[1, 2, 3], [4]]);
    await engine.encode({ inputs: [[9]], internal: true, signal: new AbortController().signal });
    expect(steps.map(({ kind, tokens }) => `${kind} ${tokens}`)).toEqual(['encode 3', 'encode 1']);
  });

  it('shows an input that hangs as an old heartbeat', async () => {
    const clock = new ManualClock();
    const { engine, encode } = engineOf({ clock, inputMs: 1e9 });
    expect(engine.stats().heartbeatAgeMs).toBe(0);
    void rejection(encode([[1]]));
    await clock.advance(45_000);
    expect(engine.stats().heartbeatAgeMs).toBe(45_000);
  });

  it('drains: ends what it has, takes nothing new, frees the model', async () => {
    const { engine, encode, state } = engineOf({ inputMs: 1 });
    const running = encode(many(5, 1));
    const drained = engine.drain(10_000);
    expect(await rejection(encode([[1]]))).toMatchObject({ code: 'shutting_down' });
    expect(await drained).toBe(true);
    expect(await running).toHaveLength(5);
    await engine.release();
    expect(state.released).toBe(1);
  });

  it('ends requests that outlive the grace, and says when an input hangs', async () => {
    const clock = new ManualClock();
    const { engine, encode } = engineOf({ clock, inputMs: 1e9 });
    const outcomes = [rejection(encode([[1]])), rejection(encode([[2]]))];
    const drained = engine.drain(1_000);
    await clock.advance(60_000);
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ code: 'shutting_down' });
    expect(await drained).toBe(false);
  });
});
