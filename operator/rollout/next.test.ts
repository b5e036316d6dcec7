import { describe, expect, it } from 'vitest';
import { stepOf } from './analysis.ts';
import { emptyArm } from './arm.ts';
import { Pool } from './harness/pool.ts';
import { next } from './next.ts';
import type { Finding } from '../reconcile/conditions.ts';
import type { RevisionView } from './types.ts';

const condition = (pool: Pool, type: string): Finding | undefined =>
  pool.decision?.conditions.find((found) => found.type === type);
const view = (revision: string, replicas: number, ready = replicas): RevisionView => ({
  revision,
  replicas,
  ready,
  weight: 0,
});

describe('a pool without a rollout', () => {
  it('takes what it finds for the revision that serves', () => {
    const pool = new Pool({ desired: 3 });
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, told: { a: 3 } });
    expect(pool.decision?.traffic).toEqual({ weights: { a: 100 } });
    expect(condition(pool, 'Progressing')).toMatchObject({ status: 'True', reason: 'Complete' });
  });

  it('whose status was lost believes the replicas, not the spec', () => {
    const observed = {
      aim: 'b',
      desired: 3,
      revisions: [view('b', 1, 0), view('a', 3)],
      arms: undefined,
      annotations: {},
    };
    const { state } = next(undefined, observed, new Pool().spec, 0);
    expect(state).toMatchObject({ current: 'a', update: 'b' });
  });

  it('that has no replicas yet begins with what the spec asks for', () => {
    const observed = { aim: 'a', desired: 2, revisions: [], arms: undefined, annotations: {} };
    const decision = next(undefined, observed, new Pool().spec, 0);
    expect(decision.replicas).toEqual({ a: 2 });
    expect(decision.traffic.weights).toEqual({ a: 100 });
  });

  it('follows the scaler, and takes what does not answer first', () => {
    const pool = new Pool({ desired: 2 });
    pool.desired = 5;
    pool.run(2_000);
    expect([pool.replicas('a'), pool.ready('a')]).toEqual([5, 2]);
    pool.desired = 2;
    pool.run(1_000);
    expect([pool.replicas('a'), pool.ready('a')]).toEqual([2, 2]);
  });

  it('at zero starts the new revision with the next request, and can still go back to the old one', () => {
    const pool = new Pool({ desired: 1 });
    pool.desired = 0;
    pool.run(3_000).ask('b', { loadMs: Infinity, failedStarts: 5 }).run(700_000);
    expect(pool.state).toMatchObject({ current: 'a', update: 'b', rejected: undefined });
    expect(condition(pool, 'Progressing')).toMatchObject({ status: 'True', reason: 'RollingOut' });
    pool.behaviours['b'] = {};
    pool.desired = 1;
    expect(pool.run(1_000).replicas('b')).toBe(1);
    pool.behaviours['b'] = { loadMs: Infinity, failedStarts: 5 };
    pool.run(20_000);
    expect([pool.state.rejected?.reason, pool.ready('a')]).toEqual(['EngineCrashed', 1]);
    pool.ask('c').run(60_000);
    expect(pool.state).toMatchObject({ current: 'c', update: undefined });
  });
});

describe('an observation that does not show the last decision carried out', () => {
  const spec = new Pool().spec;
  const told = next(
    undefined,
    { aim: 'a', desired: 4, revisions: [view('a', 4)], arms: undefined, annotations: {} },
    spec,
    0,
  ).state;
  const started = next(
    told,
    { aim: 'b', desired: 4, revisions: [view('a', 4)], arms: undefined, annotations: {} },
    spec,
    0,
  ).state;

  it('repeats what was decided and decides nothing new', () => {
    expect(started.told).toEqual({ a: 3, b: 0 });
    const stale = { aim: 'b', desired: 4, revisions: [view('a', 4)], arms: undefined, annotations: {} };
    const { replicas, state } = next(started, stale, spec, 1_000);
    expect(replicas).toEqual({ a: 3, b: 0 });
    expect(state.reason).toBe('waits until replicas are as they were told to be');
  });

  it('takes a rollout back when that lasts longer than the deadline', () => {
    const stale = { aim: 'b', desired: 4, revisions: [view('a', 4)], arms: undefined, annotations: {} };
    expect(next(started, stale, spec, 601_000).state).toMatchObject({
      update: undefined,
      rejected: { revision: 'b', reason: 'ProgressDeadlineExceeded' },
    });
  });

  it('lets a revision that nobody ordered go, and does not count on it', () => {
    const strange = {
      aim: 'a',
      desired: 4,
      revisions: [view('a', 4), view('x', 2)],
      arms: undefined,
      annotations: {},
    };
    expect(next(told, strange, spec, 1_000).replicas).toEqual({ a: 4 });
  });
});

describe('a canary', () => {
  const canary = { strategy: 'Canary' } as const;

  it('waits for requests as long as it takes, and its deadline does not', () => {
    const pool = new Pool({ spec: canary }).ask('b');
    pool.requestsPerTick = 0;
    pool.run(1_200_000);
    expect(pool.state).toMatchObject({ update: 'b', step: 0, weight: 10 });
    expect(condition(pool, 'RolloutHealthy')).toMatchObject({ status: 'Unknown', reason: 'InsufficientData' });
    expect(condition(pool, 'Progressing')).toMatchObject({ status: 'True' });
    pool.requestsPerTick = 100;
    expect(pool.runUntil(({ state }) => state.update === undefined, 600_000).state.current).toBe('b');
  });

  it('stays at each step for its pause', () => {
    const pool = new Pool({ spec: canary }).ask('b');
    pool.requestsPerTick = 1_000;
    const began = pool.runUntil(({ state }) => state.stepStartedAtMs !== undefined).nowMs;
    expect(pool.runUntil(({ state }) => state.step === 1).nowMs - began).toBeGreaterThanOrEqual(60_000);
  });

  it('counts results anew at every step', () => {
    const pool = new Pool({ spec: canary }).ask('b').run(20_000);
    expect(stepOf(pool.state)).toBe('b.1.0');
    pool.runUntil(({ state }) => state.step === 1);
    expect(stepOf(pool.state)).toBe('b.1.1');
    const late = { step: 'b.1.0', byRevision: { b: { ...emptyArm(), requests: 900, errors: 900 } } };
    const decision = next(pool.state, { ...pool.observed(), arms: late }, pool.spec, pool.nowMs);
    expect(decision.state.rejected, 'what was counted for another step').toBeUndefined();
  });

  it('with room for one replica leaves it to the old revision, and says what to do', () => {
    const pool = new Pool({ spec: canary, desired: 1 }).ask('b').run(700_000);
    expect([pool.ready('a'), pool.replicas('b')]).toEqual([1, 0]);
    expect(condition(pool, 'Progressing')).toMatchObject({ status: 'False', reason: 'NoRoom' });
    expect(pool.state.reason).toMatch(/raise rollout.maxSurge, or promote/);
    pool.desired = 2;
    pool.requestsPerTick = 100;
    expect(pool.runUntil(({ state }) => state.update === undefined).state.current).toBe('b');
  });

  it('keeps its share when a replica of it is gone for a moment', () => {
    const pool = new Pool({ spec: canary }).ask('b');
    pool.runUntil(({ state }) => state.step === 1 && state.stepStartedAtMs !== undefined);
    pool.breakOne('b');
    pool.run(2_000);
    expect(pool.state).toMatchObject({ step: 1, weight: 50 });
    pool.breakOne('b');
    expect(pool.run(2_000).decision?.traffic.weights, 'none of it answers').toEqual({ a: 100 });
  });

  it('that turns bad after its last step is taken back too', () => {
    const pool = new Pool({ spec: canary }).ask('b', { loadMs: 20_000 });
    pool.requestsPerTick = 100;
    pool.runUntil(({ state }) => state.step === 2);
    pool.behaviours['b'] = { errorRatio: 0.3, loadMs: 20_000 };
    pool.runUntil(({ state }) => state.rejected !== undefined, 60_000).run(60_000);
    expect([pool.ready('a'), pool.replicas('b')]).toEqual([4, 0]);
  });
});

describe('blue and green', () => {
  it('switches all traffic at once, when everything is ready', () => {
    const pool = new Pool({ spec: { strategy: 'BlueGreen' } }).ask('b').run(400_000);
    const shares = new Set(pool.seen.map(({ weights }) => weights['b'] ?? 0));
    expect(shares).toEqual(new Set([0, 100]));
    expect(pool.state.current).toBe('b');
  });

  it('switches back at once while the old revision stands by', () => {
    const pool = new Pool({ spec: { strategy: 'BlueGreen' } }).ask('b');
    pool.runUntil(({ decision }) => decision?.traffic.weights['b'] === 100).run(30_000);
    pool.behaviours['b'] = { errorRatio: 0.5 };
    pool.runUntil(({ state }) => state.rejected !== undefined, 30_000);
    expect(pool.decision?.traffic.weights).toEqual({ a: 100 });
    expect(pool.ready('a')).toBe(4);
  });

  it('without room for a second set goes back at the deadline', () => {
    const pool = new Pool({ spec: { strategy: 'BlueGreen' }, accelerators: 6 }).ask('b').run(700_000);
    expect(pool.state.rejected).toMatchObject({ revision: 'b', reason: 'ProgressDeadlineExceeded' });
    expect(pool.seen.every(({ weights }) => weights['b'] === undefined)).toBe(true);
  });
});

describe('no spare accelerator', () => {
  const surges = { maxSurge: 1, maxUnavailable: 0 };

  it('lets an old replica go first, once a new one has waited for a while', () => {
    const pool = new Pool({ spec: surges, accelerators: 4 }).ask('b').run(30_000);
    expect([pool.ready('a'), pool.replicas('b'), pool.state.drainFirst]).toEqual([4, 1, undefined]);
    pool.runUntil(({ state }) => state.drainFirst !== undefined, 60_000);
    pool.runUntil(({ state }) => state.update === undefined, 300_000).run(10_000);
    expect([pool.state.current, pool.ready('b')]).toEqual(['b', 4]);
    for (const { ready } of pool.seen) expect(ready).toBeGreaterThanOrEqual(3);
  });

  it('for what the scaler wants does not stop a rollout: it replaces what there is', () => {
    const pool = new Pool({ desired: 3, accelerators: 3 });
    pool.desired = 5;
    pool.run(70_000).ask('b');
    pool.runUntil(({ state }) => state.current === 'b', 580_000).run(10_000);
    expect([pool.state.current, pool.replicas('b'), pool.ready('b')]).toEqual(['b', 5, 3]);
    for (const { ready } of pool.seen) expect(ready).toBeGreaterThanOrEqual(2);
  });

  it('does not stop the way back either', () => {
    const pool = new Pool({ spec: { strategy: 'Canary' }, desired: 3, accelerators: 3 });
    pool.desired = 5;
    pool.run(70_000).ask('b');
    pool.runUntil((now) => now.ready('b') > 0, 300_000);
    pool.ask('a').run(200_000);
    expect([pool.ready('a'), pool.replicas('b')]).toEqual([3, 0]);
  });
});

describe('annotations', () => {
  it('for another revision mean nothing', () => {
    const pool = new Pool({ spec: { strategy: 'Canary' } }).ask('b');
    pool.annotations = { promote: 'x', abort: 'a' };
    pool.run(30_000);
    expect(pool.state).toMatchObject({ update: 'b', promoted: false });
  });

  it('are obeyed once: the same revision may come again later without being promoted', () => {
    const pool = new Pool({ spec: { strategy: 'Canary' } }).ask('b');
    pool.annotations = { promote: 'b' };
    pool
      .runUntil(({ state }) => state.current === 'b')
      .ask('c')
      .run(2_000)
      .ask('b')
      .run(2_000);
    pool.ask('c').run(2_000);
    expect(pool.state).toMatchObject({ update: 'c', promoted: false });
    pool.annotations = { promote: 'c' };
    expect(pool.run(1_000).state.promoted).toBe(true);
  });

  it('bring back what was taken back, when somebody insists', () => {
    const pool = new Pool().ask('b', { errorRatio: 0.5 });
    pool.runUntil(({ state }) => state.rejected !== undefined).run(60_000);
    pool.annotations = { promote: 'b' };
    pool.run(120_000);
    expect(pool.state).toMatchObject({ current: 'b', rejected: undefined });
  });

  it('that say both abort', () => {
    const pool = new Pool({ spec: { strategy: 'Canary' } }).ask('b');
    pool.annotations = { promote: 'b', abort: 'b' };
    pool.run(60_000);
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, rejected: { reason: 'RolloutAborted' } });
  });
});

describe('what was', () => {
  it('is remembered up to revisionHistoryLimit, newest first', () => {
    const pool = new Pool({ spec: { revisionHistoryLimit: 2 }, desired: 1 });
    for (const revision of ['b', 'c', 'd'])
      pool
        .ask(revision)
        .runUntil(({ state }) => state.current === revision)
        .run(5_000);
    expect(pool.state.history.map(({ revision }) => revision)).toEqual(['c', 'b']);
  });

  it('is forgotten when the limit is 0', () => {
    const pool = new Pool({ spec: { revisionHistoryLimit: 0 } })
      .ask('b')
      .runUntil(({ state }) => state.current === 'b');
    pool.run(5_000);
    expect(pool.state.history).toEqual([]);
    expect(pool.observed().revisions.map(({ revision }) => revision)).toEqual(['b']);
  });

  it('does not grow with revisions that come faster than they can leave', () => {
    const pool = new Pool({ spec: { maxSurge: 3, maxUnavailable: 0 }, desired: 30 });
    for (let turn = 0; turn < 40; turn += 1) pool.ask(`r${turn}`).run(8_000);
    expect(Object.keys(pool.state.told).length).toBeLessThanOrEqual(16);
    pool.runUntil(({ state }) => state.current === 'r39', 1_200_000);
    expect(pool.ready('r39')).toBe(30);
  });
});

describe('a test of two revisions', () => {
  const spec = { strategy: 'ABTest', abTest: { weight: 30, header: undefined, minRequests: 300 } } as const;

  it('keeps both and compares them until somebody chooses', () => {
    const pool = new Pool({ spec }).ask('b', { ttftMs: 50 }).run(900_000);
    expect([pool.ready('a'), pool.ready('b'), pool.state.weight]).toEqual([2, 2, 30]);
    expect(pool.decision?.abTest).toMatchObject({ verdict: 'NewIsBetter' });
    expect(pool.decision?.abTest?.new.requests).toBeGreaterThan(4_000);
  });

  it('by header sends nothing by chance', () => {
    const header = { name: 'x-arm', value: 'b' };
    const pool = new Pool({ spec: { ...spec, abTest: { ...spec.abTest, header } } }).ask('b').run(60_000);
    expect(pool.decision?.traffic).toMatchObject({ weights: { a: 100 }, header: { ...header, revision: 'b' } });
    pool.annotations = { promote: 'b' };
    expect(pool.run(1_000).decision?.traffic.header).toBeUndefined();
  });

  it('goes on with the strategy of the spec when the block is removed', () => {
    const pool = new Pool({ spec }).ask('b').run(60_000);
    pool.spec = { ...pool.spec, strategy: 'Rolling', abTest: undefined };
    expect(pool.runUntil(({ state }) => state.update === undefined, 120_000).state.current).toBe('b');
  });
});

describe('traffic on the way back', () => {
  it('leaves a revision that hurts as soon as an old replica answers', () => {
    const pool = new Pool({ desired: 4 }).ask('b', { loadMs: 1_000 });
    pool.runUntil((now) => now.ready('b') === 3);
    pool.behaviours['b'] = { errorRatio: 0.5, loadMs: 1_000 };
    pool.runUntil(({ state }) => state.rejected !== undefined, 60_000);
    expect(pool.decision?.traffic.weights['b'] ?? 0).toBe(pool.ready('a') > 0 ? 0 : 100);
  });

  it('leaves one that was only reverted as old replicas come back', () => {
    const pool = new Pool({ desired: 4 }).ask('b');
    pool
      .runUntil((now) => now.ready('b') === 2)
      .run(1_000)
      .ask('a')
      .run(1_000);
    expect(pool.decision?.traffic.weights['b']).toBeGreaterThan(0);
    expect(pool.run(60_000).decision?.traffic.weights).toEqual({ a: 100 });
  });
});
