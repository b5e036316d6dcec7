import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainSpec } from '../harness/pool.ts';
import { next } from '../next.ts';
import { fromStatus, toStatus } from '../status.ts';
import type { Decision, Observed, RevisionView, RolloutState } from '../types.ts';
import { verifyMs, type HotReplica } from './drive.ts';

const tickMs = 1_000;
type Engine = HotReplica & { loadingMs?: number; loading?: string };
type Fault = (replica: Engine, revision: string) => string | undefined;

/** Replicas whose engines exchange what they serve in a few seconds. */
class Engines {
  nowMs = 0;
  aim = 'a';
  desired: number;
  engines: Engine[];
  /** Whether loading fails, and why. */
  fault: Fault = () => undefined;
  hot = true;
  restarts = false;
  state: RolloutState | undefined;
  decision: Decision | undefined;
  readonly changing: number[] = [];
  #number = 0;

  constructor(desired: number) {
    this.desired = desired;
    this.engines = [];
    for (let at = 0; at < desired; at += 1) this.#add('a');
    this.run(2 * tickMs);
  }

  count(revision: string): number {
    return this.engines.filter(({ loaded, ready }) => ready && loaded === revision).length;
  }

  run(forMs: number): this {
    for (const untilMs = this.nowMs + forMs; this.nowMs < untilMs; this.nowMs += tickMs) this.#tick();
    return this;
  }

  #tick(): void {
    const decision = next(this.state, this.#observed(), plainSpec, this.nowMs);
    this.decision = decision;
    this.state = this.restarts ? this.#restart(decision) : decision.state;
    for (const { replica, do: what, revision } of decision.hot) {
      const engine = this.engines.find(({ id }) => id === replica);
      if (!engine) continue;
      if (what === 'load') {
        if (engine.loading !== revision) Object.assign(engine, { loading: revision, loadingMs: this.nowMs });
      } else this.engines.splice(this.engines.indexOf(engine), 1, this.#new(revision));
    }
    for (const [revision, count] of Object.entries(decision.replicas)) this.#resize(revision, count);
    for (const engine of this.engines) this.#load(engine);
    this.changing.push(this.engines.filter(({ loading }) => loading !== undefined).length);
  }

  #load(engine: Engine): void {
    const { loading, loadingMs = 0 } = engine;
    if (loading === undefined || this.nowMs - loadingMs < 3 * tickMs) return;
    delete engine.loading;
    const message = this.fault(engine, loading);
    if (message === undefined) Object.assign(engine, { loaded: loading, failed: undefined });
    else if (message === 'dies') engine.ready = false;
    else engine.failed = { revision: loading, message };
  }

  #observed(): Observed {
    const names = [...new Set(this.engines.map(({ loaded }) => loaded))];
    const revisions = names.map((revision): RevisionView => ({
      revision,
      replicas: this.engines.filter(({ loaded }) => loaded === revision).length,
      ready: this.count(revision),
      weight: 0,
    }));
    const way = {
      way: this.hot ? 'hot' : 'surge',
      what: 'weights',
      reason: 'only weights of the same shape changed',
    } as const;
    const replicas = this.engines.map(({ id, ready, loaded, failed }) => ({ id, ready, loaded, failed }));
    return {
      aim: this.aim,
      desired: this.desired,
      revisions,
      arms: undefined,
      annotations: {},
      hot: { way, replicas },
    };
  }

  #restart(decision: Decision): RolloutState {
    const time = { nowMs: this.nowMs, epochMs: 1_795_554_131_000 + this.nowMs };
    const stored: unknown = JSON.parse(JSON.stringify({ rollout: toStatus(decision, time) }));
    return fromStatus(statusSchema.parse(stored).rollout, time) ?? decision.state;
  }

  #resize(revision: string, count: number): void {
    for (let has = this.engines.filter(({ loaded }) => loaded === revision).length; has < count; has += 1)
      this.#add(revision);
    while (this.engines.filter(({ loaded }) => loaded === revision).length > count) {
      this.engines.splice(
        this.engines.findLastIndex(({ loaded }) => loaded === revision),
        1,
      );
    }
  }

  #add(revision: string): void {
    this.engines.push(this.#new(revision));
  }

  #new(revision: string): Engine {
    this.#number += 1;
    return { id: `pool-${this.#number}`, ready: true, loaded: revision };
  }
}

const ask = (engines: Engines, revision: string): Engines => {
  engines.aim = revision;
  return engines;
};

describe('a change inside running engines', () => {
  it('takes one replica at a time, and watches each before the next', () => {
    const pool = ask(new Engines(3), 'b').run(3 * (verifyMs + 6_000));
    expect(pool.state).toMatchObject({ current: 'b', update: undefined, hot: undefined });
    expect(pool.count('b')).toBe(3);
    expect(Math.max(...pool.changing)).toBe(1);
    expect(pool.nowMs).toBeGreaterThan(3 * verifyMs);
  });

  it('starts no replica and ends none', () => {
    const pool = new Engines(3);
    const before = pool.engines.map(({ id }) => id);
    ask(pool, 'b').run(200_000);
    expect(pool.engines.map(({ id }) => id)).toEqual(before);
  });

  it.each([
    ['cannot load it', 'no space'],
    ['dies of it', 'dies'],
  ])('goes back everywhere when a replica %s', (_what, message) => {
    const pool = ask(new Engines(3), 'b');
    pool.fault = ({ id }, revision) => (revision === 'b' && id === 'pool-2' ? message : undefined);
    pool.run(2 * verifyMs + 700_000);
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, rejected: { revision: 'b' } });
    expect(pool.count('a')).toBeGreaterThanOrEqual(2);
    expect(pool.count('b')).toBe(0);
    expect(pool.state?.round, 'and does not try again').toBe(1);
  });

  it('replaces a replica that cannot go back either', () => {
    const pool = ask(new Engines(2), 'b');
    pool.fault = ({ id }, revision) => {
      if (id === 'pool-2' && revision === 'b') return 'no space';
      return id === 'pool-1' && revision === 'a' ? 'broken' : undefined;
    };
    pool.run(2 * verifyMs + 20_000);
    expect(pool.count('a')).toBe(2);
    expect(pool.engines.map(({ id }) => id)).not.toContain('pool-1');
  });

  it('goes back when the spec does, and then on to the next', () => {
    const pool = ask(new Engines(3), 'b').run(verifyMs + 10_000);
    expect(pool.count('b')).toBeGreaterThan(0);
    ask(pool, 'a').run(20_000);
    expect(pool.state).toMatchObject({ current: 'a', update: undefined, rejected: undefined });
    expect(pool.count('a')).toBe(3);
    ask(pool, 'b').run(verifyMs);
    ask(pool, 'c').run(4 * (verifyMs + 8_000));
    expect(pool.state).toMatchObject({ current: 'c' });
    expect(pool.count('c')).toBe(3);
  });

  it('gives replicas that start meanwhile what is safe', () => {
    const pool = ask(new Engines(3), 'b').run(10_000);
    pool.desired = 4;
    pool.run(2_000);
    expect(pool.engines.at(-1), 'nothing is verified yet').toMatchObject({ loaded: 'a' });
    pool.run(verifyMs + 10_000);
    pool.desired = 5;
    pool.run(2_000);
    expect(pool.engines.at(-1)).toMatchObject({ loaded: 'b' });
    pool.run(8 * verifyMs);
    expect([pool.state?.current, pool.count('b')]).toEqual(['b', 5]);
  });

  it('does not mind that the scaler takes the replica that changes', () => {
    const pool = ask(new Engines(3), 'b').run(2_000);
    pool.desired = 1;
    pool.run(3 * verifyMs);
    expect([pool.state?.current, pool.count('b')]).toEqual(['b', 1]);
  });

  it('survives an operator that restarts after every tick', () => {
    const outcome = (restarts: boolean, faulty: boolean): unknown => {
      const pool = ask(new Engines(3), 'b');
      pool.restarts = restarts;
      pool.fault = ({ id }, revision) => (faulty && revision === 'b' && id === 'pool-3' ? 'no space' : undefined);
      return pool.run(300_000).state;
    };
    fc.assert(
      fc.property(fc.boolean(), (faulty) => {
        expect(outcome(true, faulty)).toEqual(outcome(false, faulty));
      }),
      { numRuns: 4 },
    );
  });
});
