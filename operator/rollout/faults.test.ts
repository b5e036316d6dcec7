import { describe, expect, it } from 'vitest';
import { Pool, plainSpec } from './harness/pool.ts';
import { next } from './next.ts';
import { serving, trafficOf, trusted } from './traffic.ts';
import { drainFirstOf, withinReach } from './turn.ts';
import type { Observed, RevisionView, RolloutState } from './types.ts';

// What simulated fleets broke on, one case each, as small as it gets.

const view = (revision: string, replicas: number, ready = replicas): RevisionView => ({
  revision,
  replicas,
  ready,
  weight: 0,
});
const seen = (aim: string, desired: number, ...revisions: RevisionView[]): Observed => ({
  aim,
  desired,
  revisions,
  arms: undefined,
  annotations: {},
});
const stateOf = (more: Partial<RolloutState>): RolloutState => ({
  ...next(undefined, seen('a', 4, view('a', 4)), plainSpec, 0).state,
  ...more,
});

describe('a decision that was refused', () => {
  it('is carried out later only as far as the limits of that moment allow', () => {
    const told = stateOf({ update: 'b', round: 1, told: { a: 2, b: 1 } });
    const refused = [view('a', 3), view('b', 1, 0)];
    expect(next(told, seen('b', 3, ...refused), plainSpec, 1_000).replicas).toEqual({ a: 2, b: 1 });
    expect(next(told, seen('b', 4, ...refused), plainSpec, 1_000).replicas, 'more are wanted now').toEqual({
      a: 3,
      b: 1,
    });
  });
});

describe('a pool that is paused', () => {
  it('is left as it is, whatever it was told before and whoever changes it', () => {
    const told = stateOf({ told: { a: 4 } });
    const paused = next(told, seen('b', 6, view('a', 2), view('x', 1)), { ...plainSpec, paused: true }, 1_000);
    expect(paused.replicas).toEqual({ a: 2, x: 1 });
    expect(paused.state.update).toBeUndefined();
  });
});

describe('a replica that gets nothing', () => {
  const views = [view('a', 3), view('b', 1)];

  it('does not count as available', () => {
    const coming = stateOf({ update: 'b', weight: 0 });
    expect(serving(coming, views, plainSpec).map(({ ready }) => ready)).toEqual([3, 0]);
    expect(serving({ ...coming, weight: 100 }, views, plainSpec).map(({ ready }) => ready)).toEqual([0, 1]);
    expect(serving(coming, [view('a', 3, 0), view('b', 1)], plainSpec).map(({ ready }) => ready)).toEqual([0, 1]);
  });

  it('counts where a header asks for it', () => {
    const abTest = { weight: 50, header: { name: 'x-arm', value: 'b' }, minRequests: 1 };
    const testing = stateOf({ update: 'b', weight: 0, strategy: 'ABTest' });
    expect(serving(testing, views, { abTest }).map(({ ready }) => ready)).toEqual([3, 1]);
  });

  it('does not let an old one go while a refused decision is told again', () => {
    const told = stateOf({ update: 'b', round: 1, weight: 0, told: { a: 2, b: 1, x: 0 } });
    const observed = seen('b', 3, view('a', 3), view('b', 1), view('x', 5, 0));
    expect(next(told, observed, { ...plainSpec, maxUnavailable: 0, maxSurge: 1 }, 1_000).replicas).toEqual({
      a: 3,
      b: 1,
    });
  });
});

describe('accelerators that are missing', () => {
  it('are counted with those that a replica on its way out still holds', () => {
    const views = [
      { ...view('a', 1), ending: 1 },
      { ...view('b', 1, 0), starved: 1 },
    ];
    const state = stateOf({ drainFirst: drainFirstOf(stateOf({}), seen('b', 3, ...views), 0) });
    expect(state.drainFirst?.reach).toBe(2);
    expect(withinReach(state, seen('b', 3), 1_000)).toBe(2);
    expect(withinReach(state, seen('b', 3), 400_000), 'it asks again after a while').toBe(3);
  });
});

describe('a revision that was taken back', () => {
  const state = stateOf({ rejected: { revision: 'bad', reason: 'ErrorRatioTooHigh', message: '', atMs: 0 } });

  it('does not count as available while anything else answers', () => {
    const views = [view('a', 1), view('old', 1), view('bad', 2)];
    expect(trusted(state, views).map(({ ready }) => ready)).toEqual([1, 1, 0]);
    expect(trusted(state, [view('a', 1, 0), view('bad', 2)]).map(({ ready }) => ready)).toEqual([0, 2]);
    const { replicas } = next({ ...state, told: { a: 1, old: 1, bad: 2 } }, seen('bad', 3, ...views), plainSpec, 1_000);
    expect(replicas, 'the one that serves stays, the one that hurts goes').toEqual({ a: 1, old: 1 });
  });

  it('gets no traffic in the next rollout either', () => {
    const past = { revision: 'bad', atMs: 0, outcome: 'RolledBack', message: '' } as const;
    const later = stateOf({ update: 'c', rejected: undefined, history: [past] });
    expect(trusted(later, [view('a', 1), view('bad', 2)]).map(({ ready }) => ready)).toEqual([1, 0]);
    expect(trafficOf(later, [view('a', 1), view('bad', 2)], plainSpec, 3).weights).toEqual({ a: 100 });
  });
});

describe('traffic', () => {
  it('goes by what will be left, not by what is there', () => {
    const state = stateOf({
      update: 'c',
      round: 3,
      told: { a: 1, b: 1, c: 0 },
    });
    const spec = { ...plainSpec, maxUnavailable: 1 };
    const { replicas, traffic } = next(state, seen('c', 3, view('a', 3), view('b', 1)), spec, 1_000);
    expect(replicas).toEqual({ a: 1, b: 1, c: 0 });
    expect(traffic.weights, 'one replica of a is too few to serve alone').toEqual({ a: 50, b: 50 });
  });
});

describe('blue and green', () => {
  const spec = { strategy: 'BlueGreen', maxSurge: 0, maxUnavailable: 1 } as const;

  it('that is superseded after the switch keeps what serves until the next set answers', () => {
    const pool = new Pool({ spec }).ask('b');
    pool.runUntil(({ state }) => state.step === 2, 400_000).runUntil((now) => now.replicas('a') === 0, 10_000);
    pool.breakOne('b');
    pool.breakOne('b');
    pool.behaviours['a'] = { loadMs: 60_000 };
    pool.run(1_000).ask('c', { loadMs: 60_000 }).run(30_000);
    expect(pool.ready('b')).toBeGreaterThanOrEqual(2);
    expect(pool.decision?.traffic.weights).toEqual({ b: 100 });
    pool.runUntil(({ state }) => state.current === 'c', 600_000);
  });

  it('does not grow the old set while that stands by, and lets it go though the new one is short', () => {
    const pool = new Pool({ spec, desired: 2, accelerators: 5 }).ask('b');
    pool.runUntil(({ state }) => state.step === 1, 60_000);
    pool.desired = 4;
    pool.run(100_000);
    expect([pool.replicas('a'), pool.replicas('b'), pool.ready('b')]).toEqual([2, 4, 3]);
    pool.runUntil(({ state }) => state.current === 'b', 400_000).run(10_000);
    expect(pool.ready('b')).toBe(4);
  });

  it('does not count the second set as available before the switch', () => {
    const pool = new Pool({ spec: { ...spec, maxUnavailable: 1 }, desired: 4 }).ask('b', { loadMs: 10_000 });
    pool.run(20_000).ask('c', { loadMs: 30_000 }).run(20_000);
    for (const { weights } of pool.seen) expect(weights['c'] ?? 0).toBe(0);
    expect(pool.ready('a')).toBe(4);
  });
});

it('a test of two revisions counts no replica as available that gets nothing', () => {
  const abTest = { weight: 50, header: undefined, minRequests: 1_000 };
  const pool = new Pool({ spec: { strategy: 'ABTest', abTest }, desired: 5 }).ask('b', { loadMs: 20_000 });
  pool.run(21_000).ask('c', { loadMs: 20_000 });
  for (let at = 0; at < 120; at += 1) {
    pool.run(1_000);
    const { weights } = pool.seen.at(-1) ?? { weights: {} };
    const serving = Object.keys(weights).reduce((sum, revision) => sum + pool.ready(revision), 0);
    expect(serving, `${pool.nowMs} ms: ${JSON.stringify(weights)}`).toBeGreaterThanOrEqual(4);
  }
});

it('a canary goes on when every old replica is broken, and all of the traffic is its own', () => {
  const pool = new Pool({ spec: { strategy: 'Canary' }, desired: 3 }).ask('b');
  for (let at = 0; at < 3; at += 1) pool.breakOne('a');
  pool.runUntil(({ state }) => state.current === 'b', 1_200_000).run(20_000);
  expect(pool.ready('b')).toBe(3);
});
