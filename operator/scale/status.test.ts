import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, initialState } from './decide.ts';
import { fromStatus, toStatus, worthWriting, type ScalingStatus } from './status.ts';
import type { Observation, ScaleSpec, ScaleState } from './types.ts';

const spec: ScaleSpec = {
  mode: 'Enforce',
  minReplicas: 0,
  maxReplicas: 12,
  metric: 'Concurrency',
  targetPerReplica: 10,
  stableMs: 60_000,
  panicMs: 6_000,
  panicThreshold: 200,
  rateUp: 4,
  rateDown: 2,
  scaleDownDelayMs: 30_000,
  scaleToZeroAfterMs: 120_000,
  schedules: [],
  boundsFrom: undefined,
};
const epochMs = 1_795_554_131_000;

/** Through the API server and back: JSON, and what the schema of the status lets pass. */
const stored = (status: ScalingStatus): ScalingStatus =>
  statusSchema.parse(JSON.parse(JSON.stringify({ scaling: status }))).scaling ?? {};

const seen = (load: number, ready: number, held = 0): Observation => ({
  ready,
  starting: 0,
  signal: { value: load + held, inFlight: load, held, idleMs: 0 },
});
const runs = (
  state: ScaleState,
  observations: readonly Observation[],
  fromMs: number,
  tickMs: number,
): ScaleState[] => {
  const states: ScaleState[] = [];
  observations.forEach((observation, at) => {
    states.push(decide(states.at(-1) ?? state, observation, spec, fromMs + at * tickMs).state);
  });
  return states;
};
const desiredOf = (states: readonly ScaleState[]): number[] => states.map(({ desired }) => desired);

const ticks = fc.integer({ min: 250, max: 5_000 });
/** Load that stays for a while and then is another, as pools see it. */
const histories = fc
  .array(
    fc.record({
      load: fc.nat(150),
      ready: fc.integer({ min: 0, max: 12 }),
      held: fc.constantFrom(0, 0, 0, 3),
      times: fc.integer({ min: 1, max: 40 }),
    }),
    { minLength: 2, maxLength: 8 },
  )
  .map((phases) => phases.flatMap(({ times, ...phase }) => Array.from({ length: times }, () => phase)));
const origins = fc.nat(1_000_000_000);

describe('an operator that restarts', () => {
  const seed = 20_261_124;

  it('decides as if it had not, when the first stable window is put aside', () => {
    fc.assert(
      fc.property(histories, ticks, fc.nat(), (history, tickMs, cut) => {
        const observations = history.map(({ load, ready, held }) => seen(load, ready, held));
        const at = 1 + (cut % (observations.length - 1));
        const before = runs(initialState(2, spec, 0), observations.slice(0, at), 0, tickMs).at(-1);
        if (!before) return;
        const nowMs = (at - 1) * tickMs;
        const read = fromStatus(stored(toStatus(before, { nowMs, epochMs })), spec, { nowMs, epochMs });
        const settled = { ...read, startedAtMs: before.startedAtMs, restoredAtMs: undefined };
        const rest = observations.slice(at);
        expect(desiredOf(runs(settled, rest, nowMs + tickMs, tickMs))).toEqual(
          desiredOf(runs(before, rest, nowMs + tickMs, tickMs)),
        );
      }),
      { seed, numRuns: 300 },
    );
  });

  it('at any tick drops nothing for a stable window, and never has more than it had or the other wants', () => {
    fc.assert(
      fc.property(histories, ticks, fc.nat(), origins, (history, tickMs, cut, originMs) => {
        const observations = history.map(({ load, ready, held }) => seen(load, ready, held));
        const at = 1 + (cut % (observations.length - 1));
        const before = runs(initialState(2, spec, 0), observations.slice(0, at), 0, tickMs).at(-1);
        if (!before) return;
        const nowMs = (at - 1) * tickMs;
        const text = stored(toStatus(before, { nowMs, epochMs }));
        const read = fromStatus(text, spec, { nowMs: originMs, epochMs, replicas: before.desired });
        const rest = observations.slice(at);
        const went = desiredOf(runs(before, rest, nowMs + tickMs, tickMs));
        const restarted = desiredOf(runs(read, rest, originMs + tickMs, tickMs));
        let most = before.desired;
        restarted.forEach((desired, index) => {
          const other = went[index] ?? 0;
          most = Math.max(most, other);
          if ((index + 1) * tickMs < spec.stableMs) expect(desired).toBeGreaterThanOrEqual(before.desired);
          expect(desired).toBeGreaterThanOrEqual(other);
          expect(desired).toBeLessThanOrEqual(most);
        });
      }),
      { seed, numRuns: 300 },
    );
  });

  it('keeps what it has for a stable window, though it would have shrunk a moment later', () => {
    const falling = [
      ...Array.from({ length: 120 }, () => seen(50, 5)),
      ...Array.from({ length: 50 }, () => seen(0, 5)),
    ];
    const before = runs(initialState(5, spec, 0), falling, 0, 1_000).at(-1);
    const status = before && toStatus(before, { nowMs: 169_000, epochMs });
    const read = fromStatus(status, spec, { nowMs: 0, epochMs, replicas: 5 });
    const quiet = Array.from({ length: 130 }, () => seen(0, 5));
    expect(before && Math.min(...desiredOf(runs(before, quiet.slice(0, 55), 170_000, 1_000)))).toBeLessThan(5);
    expect(new Set(desiredOf(runs(read, quiet.slice(0, 59), 1_000, 1_000)))).toEqual(new Set([5]));
    expect(desiredOf(runs(read, quiet, 1_000, 1_000)).at(-1)).toBe(1);
  });

  it('believes what the pool was told over what the status says', () => {
    const status = toStatus(initialState(3, spec, 0), { nowMs: 0, epochMs });
    expect(fromStatus(status, spec, { nowMs: 0, epochMs, replicas: 5 })).toMatchObject({ desired: 5, recommended: 5 });
    expect(fromStatus(status, spec, { nowMs: 0, epochMs }).desired).toBe(3);
    expect(fromStatus(undefined, spec, { nowMs: 0, epochMs, replicas: 4 }).desired).toBe(4);
  });

  it('does not take the load of a crash that lost the averages for a reason to grow or shrink', () => {
    const { memory: _lost, ...status } = toStatus(initialState(3, spec, 0), { nowMs: 0, epochMs });
    const read = fromStatus(status, spec, { nowMs: 500, epochMs, replicas: 3 });
    const noisy = Array.from({ length: 20 }, (_, at) => seen(at % 2 === 0 ? 36 : 24, 3));
    expect(new Set(desiredOf(runs(read, noisy, 500, 250)))).toEqual(new Set([3]));
  });

  it('does not send a pool to zero on idle time that nobody measured', () => {
    const status = {
      ...toStatus(initialState(1, spec, 0), { nowMs: 0, epochMs }),
      activeAt: '2026-01-01T00:00:00.000Z',
    };
    const read = fromStatus(status, spec, { nowMs: 0, epochMs, replicas: 1 });
    const quiet = { ready: 1, starting: 0, signal: { value: 0, inFlight: 0, held: 0, idleMs: undefined } };
    const states = runs(
      read,
      Array.from({ length: 130 }, () => quiet),
      0,
      1_000,
    );
    expect(states[119]?.desired).toBe(1);
    expect(states[121]?.desired).toBe(0);
  });

  it('answers a burst no longer than a stable window, whatever the clock of the other said', () => {
    const status = { ...toStatus(initialState(1, spec, 0), { nowMs: 0, epochMs }), panicUntil: '2099-01-01T00:00:00Z' };
    expect(fromStatus(status, spec, { nowMs: 7, epochMs }).panicUntilMs).toBe(60_007);
  });
});

describe('the status', () => {
  const busy = runs(
    initialState(1, spec, 0),
    Array.from({ length: 400 }, (_, at) => seen(40 + (at % 9), 4)),
    0,
    250,
  );
  const last = busy.at(-1) ?? initialState(1, spec, 0);

  it('tells what was decided, when and why', () => {
    const status = stored(toStatus(last, { nowMs: 99_750, epochMs }));
    expect(status).toMatchObject({ desired: 5, recommended: 5, panic: false });
    expect(status.history?.[0]?.reason).toMatch(/^Concurrency \d+(\.\d)? over 60 s, target 10 a replica$/);
    expect(Date.parse(status.lastScaleTime ?? '')).toBe(epochMs - 99_750 + (last.changedAtMs ?? NaN));
  });

  it('says of past decisions the same after every restart, whatever the two clocks make of a millisecond', () => {
    const status = stored(toStatus(last, { nowMs: 99_750, epochMs }));
    const read = fromStatus(status, spec, { nowMs: 12.3, epochMs: epochMs + 5_000, replicas: 5 });
    expect(toStatus(read, { nowMs: 1_012.9, epochMs: epochMs + 6_002 }).history).toEqual(status.history);
  });

  it('is small, however long the scaler has run', () => {
    expect(JSON.stringify(toStatus(last, { nowMs: 99_750, epochMs })).length).toBeLessThan(6_000);
  });

  it('is worth writing when a decision changed, not when load did', () => {
    const status = toStatus(last, { nowMs: 99_750, epochMs });
    const next = decide(last, seen(41, 4), spec, 100_000).state;
    expect(toStatus(next, { nowMs: 100_000, epochMs: epochMs + 250 }).memory).not.toEqual(status.memory);
    expect(worthWriting(status, toStatus(next, { nowMs: 100_000, epochMs: epochMs + 250 }))).toBe(false);
    expect(worthWriting(status, toStatus({ ...next, desired: 7 }, { nowMs: 100_000, epochMs }))).toBe(true);
    expect(worthWriting(undefined, status)).toBe(true);
  });

  it('is not worth writing because something waits, and waits no more, near a boundary', () => {
    const saying = (reason: string) => toStatus({ ...last, reason }, { nowMs: 99_750, epochMs });
    const waiting = saying('Concurrency 5.1 over 30 s, target 2.8 a replica; waits before it shrinks');
    expect(worthWriting(saying('Concurrency 5.2 over 30 s, target 2.8 a replica'), waiting)).toBe(false);
    expect(worthWriting(saying('nobody reports Concurrency: nothing changes'), waiting)).toBe(true);
  });

  it('is not worth writing because a calendar was set right by a few milliseconds', () => {
    const at = (laterMs: number) => stored(toStatus(last, { nowMs: 99_750, epochMs: epochMs + laterMs }));
    expect(at(7)).not.toEqual(at(0));
    expect(worthWriting(at(0), at(7))).toBe(false);
  });
});
