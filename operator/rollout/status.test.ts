import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import { specSchema } from '@qwenfleet/crds/qwendeployment/spec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pool } from './harness/pool.ts';
import { rolloutSpecOf } from './spec.ts';
import { comparedAnew, fromStatus, toStatus, worthWriting } from './status.ts';
import type { RolloutState } from './types.ts';

const epochMs = 1_795_554_131_000;
const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text !== '__proto__');
const revision = fc.constantFrom('a', 'b', 'c1234567890');
const past = fc.integer({ min: 0, max: 1_000_000 });
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const outcome = fc.constantFrom('Replaced', 'RolledBack', 'Aborted', 'Reverted', 'Superseded');
/** Nothing has a share while nothing is brought in. */
const atRest = (state: RolloutState): RolloutState => (state.update === undefined ? { ...state, weight: 0 } : state);
/** Every other revision came into running engines. */
const hostsOf = (told: RolloutState['told']): RolloutState['hosts'] =>
  Object.fromEntries(
    Object.keys(told)
      .filter((_revision, at) => at % 2 === 0)
      .map((revision) => [revision, 'before']),
  );

const states = fc
  .record<Omit<RolloutState, 'hosts'>>({
    current: revision,
    update: optional(revision),
    round: fc.nat(1_000),
    strategy: fc.constantFrom('Rolling', 'Canary', 'BlueGreen', 'OnDelete', 'ABTest'),
    step: fc.nat(10),
    weight: fc.nat(100),
    startedAtMs: past,
    stepStartedAtMs: optional(past),
    progress: fc.record({
      atMs: optional(past),
      ready: fc.nat(100),
      old: fc.constantFrom(0, 7, Number.MAX_SAFE_INTEGER),
    }),
    drainFirst: optional(fc.record({ reach: fc.nat(100), atMs: past })),
    promoted: fc.boolean(),
    told: fc.dictionary(revision, fc.nat(100)),
    rejected: optional(fc.record({ revision, reason: name, message: name, atMs: past })),
    obeyed: fc.record({ promote: optional(revision), abort: optional(revision) }),
    hot: optional(
      fc.record({
        replica: optional(name),
        sinceMs: optional(past),
        loadedAtMs: optional(past),
        anew: fc.boolean(),
        back: optional(fc.record({ outcome, reason: name, message: name })),
      }),
    ),
    history: fc.array(fc.record({ revision, atMs: past, outcome, message: name }), { maxLength: 50 }),
    reason: name,
  })
  .map((state) => atRest({ ...state, hosts: hostsOf(state.told) }));

describe('the state of a rollout', () => {
  it('is the same after it was stored and read, whatever the next process counts time from', () => {
    fc.assert(
      fc.property(states, fc.nat(1_000_000_000), (state, shiftMs) => {
        const nowMs = 1_000_000;
        const stored: unknown = JSON.parse(JSON.stringify({ rollout: toStatus({ state }, { nowMs, epochMs }) }));
        const { rollout } = statusSchema.parse(stored);
        expect(fromStatus(rollout, { nowMs, epochMs })).toEqual(state);
        const elsewhere = fromStatus(rollout, { nowMs: nowMs + shiftMs, epochMs });
        expect(elsewhere?.startedAtMs).toBe(state.startedAtMs + shiftMs);
      }),
      { seed: 9, numRuns: 300 },
    );
  });

  it('shows a share only while something is brought in', () => {
    const weightOf = (update: string | undefined): number | undefined =>
      fc
        .sample(states, { seed: 1, numRuns: 1 })
        .map((state) => toStatus({ state: { ...state, update } }, { nowMs: 0, epochMs }).weight)[0];
    expect(weightOf(undefined)).toBeUndefined();
    expect(weightOf('b')).toBeTypeOf('number');
  });

  it('fits its schema however much there is to say', () => {
    const long = 'x'.repeat(5_000);
    const { state } = new Pool().ask('b');
    const wordy = { ...state, reason: long, rejected: { revision: 'b', reason: 'R', message: long, atMs: 0 } };
    statusSchema.parse({ rollout: toStatus({ state: wordy }, { nowMs: 0, epochMs }) });
  });

  it('of a status that was never written is none', () => {
    expect(fromStatus(undefined, { nowMs: 0, epochMs })).toBeUndefined();
    expect(fromStatus({ currentRevision: 'a', updateRevision: 'b' }, { nowMs: 0, epochMs })).toBeUndefined();
  });

  it('carries the results of a test', () => {
    const abTest = { weight: 50, header: undefined, minRequests: 100 };
    const pool = new Pool({ spec: { strategy: 'ABTest', abTest } }).ask('b', { ttftMs: 50 }).run(120_000);
    const status = pool.decision && toStatus(pool.decision, { nowMs: pool.nowMs, epochMs });
    expect(statusSchema.parse({ rollout: status }).rollout?.abTest).toMatchObject({
      old: { revision: 'a' },
      new: { revision: 'b', errorRatio: '0.00000' },
      verdict: 'NewIsBetter',
    });
  });
});

describe('writing it', () => {
  /** How often the status would have been written. */
  const writes = (pool: Pool, seconds: number): number => {
    let stored = pool.state;
    let count = 0;
    for (let at = 0; at < seconds; at += 1) {
      const { state } = pool.run(1_000);
      if (!worthWriting(stored, state)) continue;
      stored = state;
      count += 1;
    }
    return count;
  };

  it('is never worth it at rest', () => {
    expect(writes(new Pool(), 600)).toBe(0);
    const paused = new Pool({ spec: { paused: true } });
    expect(writes(paused, 600)).toBe(0);
  });

  it('is not worth it because two clocks of one process round differently', () => {
    const { state } = new Pool();
    const time = { nowMs: 5_000.6, epochMs };
    const [stored, later] = [toStatus({ state }, time), toStatus({ state }, { ...time, nowMs: 5_000.4 })];
    expect(stored.startedAt, 'so stamps cannot be compared').not.toBe(later.startedAt);
    const read = fromStatus(stored, time);
    expect(read && worthWriting(read, { ...read })).toBe(false);
  });

  it('is worth it for every change of replicas, and not because a step waits for requests or time', () => {
    const pool = new Pool({ spec: { strategy: 'Canary' } }).ask('b');
    pool.requestsPerTick = 0;
    pool.run(30_000);
    // Its pause ends, and then there are requests missing.
    expect(writes(pool, 600)).toBe(1);
    const rolling = new Pool().ask('b');
    for (let last = rolling.state; rolling.state.current === 'a'; last = rolling.state) {
      const { state } = rolling.run(1_000);
      if (JSON.stringify(last.told) !== JSON.stringify(state.told)) expect(worthWriting(last, state)).toBe(true);
    }
    expect(worthWriting(undefined, rolling.state)).toBe(true);
  });
});

describe('a comparison of two revisions', () => {
  const decimal = '0.00000';
  const of = (requests: number, revision: string) => ({ revision, requests, errors: 0, errorRatio: decimal });
  const status = (requests: number, verdict = 'TooFewRequests' as 'TooFewRequests' | 'Undecided') => ({
    abTest: {
      old: of(1_000, 'a'),
      new: of(requests, 'b'),
      errorRatioDifference: { low: decimal, high: decimal },
      verdict,
    },
  });

  it('is told when it begins, ends, finds something, or has seen a tenth more', () => {
    expect(comparedAnew(undefined, status(0))).toBe(true);
    expect(comparedAnew(status(0), {})).toBe(true);
    expect(comparedAnew(status(0), status(1))).toBe(true);
    expect(comparedAnew(status(100), status(100, 'Undecided'))).toBe(true);
    expect(comparedAnew(status(100), status(111))).toBe(true);
    expect(comparedAnew(status(100), status(110))).toBe(false);
    expect(comparedAnew({}, {})).toBe(false);
  });

  it('of a million requests is written two hundred times at most', () => {
    let [written, count] = [status(0), 0];
    for (let requests = 0; requests < 1_000_000; requests += 1) {
      if (!comparedAnew(written, status(requests))) continue;
      written = status(requests);
      count += 1;
    }
    expect(count).toBeLessThan(200);
  });
});

describe('the rollout block of a spec', () => {
  const of = (spec: Record<string, unknown>) => rolloutSpecOf(specSchema.parse({ tier: 'small', ...spec }));

  it('is filled in: one replica at a time, without a spare accelerator', () => {
    expect(of({})).toEqual({
      strategy: 'Rolling',
      maxSurge: 0,
      maxUnavailable: 1,
      progressDeadlineMs: 1_800_000,
      steps: [],
      analysis: { maxErrorRatio: 0.01, ttftMsMax: undefined, minRequests: 200 },
      abTest: undefined,
      autoRollback: true,
      revisionHistoryLimit: 5,
      paused: false,
    });
  });

  it('holds a canary to its own limit, else to the objective', () => {
    const rollout = { strategy: 'Canary', canary: { steps: [{ weight: 5 }], analysis: { maxErrorRatio: '0.02' } } };
    const slo = { ttftP95: '2s' };
    expect(of({ rollout, slo })).toMatchObject({
      steps: [{ weight: 5, pauseMs: 300_000 }],
      analysis: { maxErrorRatio: 0.02, ttftMsMax: 2_000 },
    });
    const own = { ...rollout, canary: { ...rollout.canary, analysis: { maxTTFTP95: '500ms' } } };
    expect(of({ rollout: own, slo }).analysis.ttftMsMax).toBe(500);
  });

  it('compares while it has a test, whatever its strategy', () => {
    expect(of({ rollout: { strategy: 'BlueGreen', abTest: { weight: 20 } } })).toMatchObject({
      strategy: 'ABTest',
      abTest: { weight: 20, header: undefined, minRequests: 1_000 },
    });
  });
});
