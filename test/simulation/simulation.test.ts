import { decide } from '@qwenfleet/operator/scale/decide';
import { next } from '@qwenfleet/operator/rollout/next';
import { describe, expect, it } from 'vitest';
import { simulate, type Options } from './simulate.ts';
import { Tally } from './tally.ts';
import { realDecisions, type Decisions } from './world/reconciler.ts';

/** Enough for every kind of fault to meet every strategy; `npm run simulate -- --seeds 10000` runs more. */
const seeds = 100;

describe('a fleet under faults', () => {
  it('keeps every promise of the operator, and goes through all that they are about', { timeout: 300_000 }, () => {
    const tally = new Tally();
    for (let seed = 1; seed <= seeds; seed += 1) tally.add(simulate(seed));
    const broken = tally.failed.map(
      ({ seed, failure }) => `${failure} (npm run simulate -- --seeds 1 --seed ${seed} --trace)`,
    );
    expect(broken).toEqual([]);
    const { faults = 0, processes = 0, leaders = 0, broughtIn = 0, takenBack = 0 } = tally.seen;
    expect(faults).toBeGreaterThan(2 * seeds);
    expect(processes).toBeGreaterThan(2.5 * seeds);
    expect(leaders).toBeGreaterThan(1.5 * seeds);
    expect(broughtIn).toBeGreaterThan(0.2 * seeds);
    expect(takenBack).toBeGreaterThan(0.2 * seeds);
  });

  it('runs the same again, to the last digit', () => {
    for (const seed of [3, 77]) {
      const lines: string[][] = [[], []];
      for (const trace of lines) simulate(seed, { trace: (line) => trace.push(line) });
      expect(lines[0]).toEqual(lines[1]);
      expect(lines[0]?.length).toBeGreaterThan(20);
    }
  });
});

describe('the properties notice', () => {
  /** What the first seeds break on that break at all. */
  function failures(options: Options, message: RegExp): string[] {
    const found: string[] = [];
    for (let seed = 1; seed <= 150; seed += 1) {
      const { failure } = simulate(seed, options);
      if (failure !== undefined) found.push(failure);
      if (failure !== undefined && message.test(failure)) break;
    }
    return found;
  }
  const wrong = (decisions: Partial<Decisions>): Options => ({ decisions: { ...realDecisions, ...decisions } });

  it.each<[string, Options, RegExp]>([
    ['an API server that takes writes on top of what the writer has not seen', { locks: false }, /wrote over a change/],
    [
      'a rollout that takes more replicas away than it may',
      wrong({ next: (state, seen, spec, nowMs) => next(state, seen, { ...spec, maxUnavailable: 9 }, nowMs) }),
      /ready replicas became/,
    ],
    [
      'a rollout that adds more than it may',
      wrong({
        next: (state, seen, spec, nowMs) => next(state, seen, { ...spec, maxSurge: spec.maxSurge + 2 }, nowMs),
      }),
      /replicas told/,
    ],
    [
      'a rollout that takes every replica for ready',
      wrong({
        next: (state, seen, spec, nowMs) => {
          const revisions = seen.revisions.map((view) => ({ ...view, ready: view.replicas }));
          return next(state, { ...seen, revisions }, spec, nowMs);
        },
      }),
      /no replica is ready|ready replicas became/,
    ],
    [
      'traffic that goes by what was asked for',
      wrong({
        next: (state, seen, spec, nowMs) => {
          const decision = next(state, seen, spec, nowMs);
          return { ...decision, traffic: { weights: { [seen.aim]: 100 } } };
        },
      }),
      /no replica is ready/,
    ],
    [
      'a canary that is never taken back',
      wrong({ next: (state, seen, spec, nowMs) => next(state, seen, { ...spec, autoRollback: false }, nowMs) }),
      /still gets|still coming/,
    ],
    [
      'a canary that nobody judges',
      wrong({
        next: (state, seen, spec, nowMs) =>
          next(state, seen, { ...spec, analysis: { maxErrorRatio: 1, ttftMsMax: undefined, minRequests: 0 } }, nowMs),
      }),
      /still gets|serves/,
    ],
    [
      'a pause that nobody heeds',
      wrong({ next: (state, seen, spec, nowMs) => next(state, seen, { ...spec, paused: false }, nowMs) }),
      /paused/,
    ],
    [
      'a state that is not all in the status',
      wrong({
        next: (state, seen, spec, nowMs) => {
          const decision = next(state, seen, spec, nowMs);
          return { ...decision, state: { ...decision.state, reason: 'x'.repeat(600) } };
        },
      }),
      /on its way through the status/,
    ],
    [
      'a decision that is written again and again',
      wrong({
        next: (state, seen, spec, nowMs) => {
          const decision = next(state, seen, spec, nowMs);
          return { ...decision, state: { ...decision.state, startedAtMs: Math.floor(nowMs / 60_000) } };
        },
      }),
      /come to rest/,
    ],
    [
      'a scaler that trusts its averages right after a restart',
      wrong({
        decide: (state, seen, spec, nowMs) => decide({ ...state, startedAtMs: -Infinity }, seen, spec, nowMs),
      }),
      /a new process wants/,
    ],
    [
      'a scaler that takes silence for rest',
      wrong({
        decide: (state, { signal = { value: 0, inFlight: 0, held: 0, idleMs: 999_999 }, ...seen }, spec, nowMs) =>
          decide(state, { ...seen, signal: { ...signal, partial: false } }, spec, nowMs),
      }),
      /not every router was heard/,
    ],
    [
      'a scaler that does not see who waits',
      wrong({
        decide: (state, { signal, ...seen }, spec, nowMs) =>
          decide(state, { ...seen, signal: signal && { ...signal, value: signal.inFlight, held: 0 } }, spec, nowMs),
      }),
      /wait/,
    ],
    [
      'a scaler that ignores its bounds',
      wrong({
        decide: (state, seen, spec, nowMs) =>
          decide(state, seen, { ...spec, maxReplicas: spec.maxReplicas + 2 }, nowMs),
      }),
      /replicas wanted/,
    ],
  ])('%s', { timeout: 300_000 }, (_what, options, message) => {
    expect(failures(options, message).at(-1)).toMatch(message);
  });
});
