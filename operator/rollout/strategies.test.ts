import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pool, type Behaviour } from './harness/pool.ts';
import { fromStatus, toStatus } from './status.ts';
import { strategies } from './strategies.ts';
import type { RolloutSpec, StrategyName } from './types.ts';

/** What every way of bringing a revision in promises, and what somebody has to do for it to end. */
const family: {
  name: StrategyName;
  spec: Partial<RolloutSpec>;
  help: (pool: Pool) => void;
  capOf: (desired: number, surge: number) => number;
}[] = [
  { name: 'Rolling', spec: {}, help: () => undefined, capOf: (desired, surge) => desired + surge },
  { name: 'Canary', spec: {}, help: () => undefined, capOf: (desired, surge) => desired + surge },
  { name: 'BlueGreen', spec: {}, help: () => undefined, capOf: (desired) => 2 * desired },
  {
    name: 'OnDelete',
    spec: {},
    help: (pool) => pool.nowMs % 10_000 === 0 && pool.replicas('a') > 0 && pool.deleteOne('a'),
    capOf: (desired, surge) => desired + surge,
  },
  {
    name: 'ABTest',
    spec: { abTest: { weight: 50, header: undefined, minRequests: 200 } },
    help: (pool) => {
      if (pool.nowMs > 120_000) pool.annotations = { promote: pool.aim };
    },
    capOf: (desired, surge) => desired + surge,
  },
];
const limits = [
  { maxSurge: 0, maxUnavailable: 1 },
  { maxSurge: 1, maxUnavailable: 0 },
  { maxSurge: 2, maxUnavailable: 2 },
];

it('the suite knows every strategy', () => {
  expect(family.map(({ name }) => name).toSorted()).toEqual(Object.keys(strategies).toSorted());
  for (const [name, strategy] of Object.entries(strategies)) expect(strategy.name).toBe(name);
});

describe.each(family)('$name', ({ name, spec, help, capOf }) => {
  const poolOf = (more: Partial<RolloutSpec> = {}, desired = 4): Pool =>
    new Pool({ spec: { ...spec, strategy: name, ...more }, desired });
  const through = (pool: Pool, forMs: number): Pool => {
    for (const untilMs = pool.nowMs + forMs; pool.nowMs < untilMs; pool.run(1_000)) help(pool);
    return pool;
  };
  const long = 1_200_000;

  it.each(limits)('brings a good revision in within surge $maxSurge and unavailable $maxUnavailable', (margin) => {
    const pool = through(poolOf(margin).ask('b'), long);
    expect(pool.state).toMatchObject({ current: 'b', update: undefined, rejected: undefined });
    expect([pool.replicas('a'), pool.ready('b')]).toEqual([0, 4]);
    expect(pool.decision?.traffic.weights).toEqual({ b: 100 });
    expect(pool.events.at(-1)).toMatchObject({ type: 'Normal', reason: 'RolloutComplete' });
    for (const { replicas, ready } of pool.seen) {
      expect(replicas).toBeLessThanOrEqual(capOf(4, margin.maxSurge));
      // A replica that somebody deletes is missing until the next one is ready, whoever decides.
      expect(ready).toBeGreaterThanOrEqual(4 - margin.maxUnavailable - Number(name === 'OnDelete'));
    }
  });

  it.each<[string, Behaviour, string]>([
    ['fails one request in five', { errorRatio: 0.2 }, 'ErrorRatioTooHigh'],
    ['answers too late', { ttftMs: 5_000 }, 'TTFTTooHigh'],
    ['never gets ready', { loadMs: Infinity }, 'ProgressDeadlineExceeded'],
    ['ends while it starts', { loadMs: Infinity, failedStarts: 5 }, 'EngineCrashed'],
  ])('takes a revision back that %s', (_what, behaviour, reason) => {
    const pool = poolOf().ask('b', behaviour);
    const untilMs = pool.nowMs + long;
    while (pool.nowMs < untilMs && !pool.state.rejected) {
      if (name !== 'ABTest') help(pool);
      pool.run(1_000);
    }
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, rejected: { revision: 'b', reason } });
    pool.run(60_000);
    expect([pool.ready('a'), pool.replicas('b')]).toEqual([4, 0]);
    expect(pool.decision?.traffic.weights).toEqual({ a: 100 });
    expect(pool.events.map((event) => event.reason)).toContain(reason);
    expect(pool.state.round, 'and does not try it again').toBe(1);
  });

  it('goes back when the spec does, and traffic with it', () => {
    const pool = through(poolOf().ask('b'), 15_000).ask('a').run(90_000);
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, rejected: undefined });
    expect([pool.ready('a'), pool.replicas('b')]).toEqual([4, 0]);
    expect(pool.state.history[0]).toMatchObject({ revision: 'b', outcome: 'Reverted' });
    for (const { ready } of pool.seen) expect(ready).toBeGreaterThanOrEqual(3 - Number(name === 'OnDelete'));
  });

  it('goes on to a third revision when the spec does', () => {
    const pool = through(poolOf().ask('b'), 15_000).ask('c');
    through(pool, long);
    expect(pool.state).toMatchObject({ current: 'c', update: undefined });
    expect([pool.replicas('a'), pool.replicas('b'), pool.ready('c')]).toEqual([0, 0, 4]);
    for (const { replicas } of pool.seen) expect(replicas).toBeLessThanOrEqual(capOf(4, 0));
    expect(pool.state.history.map(({ outcome }) => outcome)).toEqual(['Replaced', 'Superseded']);
  });

  it('obeys who aborts it', () => {
    const pool = through(poolOf().ask('b'), 15_000);
    pool.annotations = { abort: 'b' };
    pool.run(60_000);
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, rejected: { reason: 'RolloutAborted' } });
    expect([pool.ready('a'), pool.replicas('b')]).toEqual([4, 0]);
  });

  it('obeys who promotes it, at any step', () => {
    const pool = through(poolOf().ask('b'), 15_000);
    pool.annotations = { promote: 'b' };
    pool.run(90_000);
    expect(pool.state.current).toBe('b');
    expect(pool.ready('b')).toBe(4);
  });

  it('follows the scaler meanwhile, up and down', () => {
    const pool = through(poolOf({}, 3).ask('b'), 20_000);
    pool.desired = 8;
    pool.run(60_000);
    expect(pool.ready('a') + pool.ready('b')).toBeGreaterThanOrEqual(7);
    pool.desired = 2;
    pool.run(2_000);
    expect(pool.replicas('a') + pool.replicas('b')).toBeLessThanOrEqual(capOf(2, 0));
    through(pool, long);
    expect(pool.state.current).toBe('b');
    expect(pool.ready('b')).toBe(2);
  });

  it('stands still while the pool is paused, and its deadline too', () => {
    const pool = through(poolOf().ask('b', { loadMs: 30_000 }), 10_000);
    const told = pool.state.told;
    pool.spec = { ...pool.spec, paused: true };
    pool.run(pool.spec.progressDeadlineMs + 60_000);
    expect(pool.state.told).toEqual(told);
    pool.spec = { ...pool.spec, paused: false };
    pool.run(1_000);
    expect(pool.state.update).toBe('b');
  });

  it('leaves a bad revision where it is when nobody wants it taken back', () => {
    const pool = poolOf({ autoRollback: false }).ask('b', { errorRatio: 0.5 });
    for (let turn = 0; turn < 120; turn += 1) {
      if (name === 'OnDelete') help(pool);
      pool.run(1_000);
    }
    const had = pool.replicas('b');
    pool.run(300_000);
    expect(pool.state).toMatchObject({ current: 'a', update: 'b' });
    expect(pool.replicas('b')).toBe(had);
    const healthy = pool.decision?.conditions.find(({ type }) => type === 'RolloutHealthy');
    expect(healthy).toMatchObject({ status: 'False', reason: 'ErrorRatioTooHigh' });
  });

  it('decides the same when the operator restarts after every tick', () => {
    const epochMs = 1_795_554_131_000;
    const scenario = (pool: Pool): Pool => {
      through(pool.ask('b'), 25_000);
      pool.desired = 6;
      through(pool, 150_000);
      through(pool.ask('c', { errorRatio: 0.3 }), 200_000);
      return through(pool.ask('d'), 300_000);
    };
    const restarting = new Pool({
      spec: { ...spec, strategy: name },
      through: (decision, nowMs) => {
        const time = { nowMs, epochMs: epochMs + nowMs };
        const stored: unknown = JSON.parse(JSON.stringify({ rollout: toStatus(decision, time) }));
        return fromStatus(statusSchema.parse(stored).rollout, time) ?? decision.state;
      },
    });
    const straight = scenario(poolOf());
    scenario(restarting);
    expect(restarting.seen.map(({ state, ...seen }) => ({ ...seen, told: state.told }))).toEqual(
      straight.seen.map(({ state, ...seen }) => ({ ...seen, told: state.told })),
    );
    expect(restarting.state).toEqual(straight.state);
  });

  it('keeps its limits whatever happens to the spec, the scaler and the replicas', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('ask' as const), revision: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ do: fc.constant('scale' as const), desired: fc.nat(6) }),
      fc.record({ do: fc.constant('annotate' as const), verb: fc.constantFrom('promote', 'abort') }),
      fc.record({ do: fc.constant('break' as const), revision: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1_000, max: 90_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.constantFrom(...limits), (steps, margin) => {
        const pool = poolOf(margin);
        for (const next of steps) {
          if (next.do === 'ask') pool.ask(next.revision, { errorRatio: next.revision === 'd' ? 0.4 : 0 });
          if (next.do === 'scale') pool.desired = next.desired;
          if (next.do === 'annotate') pool.annotations = { [next.verb]: pool.aim };
          if (next.do === 'break') pool.breakOne(next.revision);
          const before = pool.seen.at(-1)?.replicas ?? 0;
          pool.run(next.do === 'wait' ? next.ms : 1_000);
          const after = pool.seen.at(-1)?.replicas ?? 0;
          expect(after).toBeLessThanOrEqual(Math.max(before, capOf(pool.desired, margin.maxSurge)));
          const weights = Object.values(pool.decision?.traffic.weights ?? {});
          expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(100);
        }
      }),
      { seed: 20_261_124, numRuns: 40 },
    );
  });
});
