import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainSpec } from '../harness/pool.ts';
import { next } from '../next.ts';
import { fromStatus, toStatus } from '../status.ts';
import type { Decision, Observed, RevisionView, RolloutState } from '../types.ts';
import { verifyMs, type HotReplica } from './drive.ts';
import { hostedBy, hostOf, isTaken } from './host.ts';

const tickMs = 1_000;
type Engine = HotReplica & { workload: string; loadingMs?: number; loading?: string; readyAtMs?: number };
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
  /** Why engines that are told to load cannot. */
  unable: (replica: Engine) => string | undefined = () => undefined;
  restarts = false;
  state: RolloutState | undefined;
  decision: Decision | undefined;
  readonly changing: number[] = [];
  readonly away: number[] = [];
  #number = 0;

  constructor(desired: number) {
    this.desired = desired;
    this.engines = [];
    for (let at = 0; at < desired; at += 1) this.engines.push(this.#new('a', 'a'));
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
      } else {
        // The workload makes another one, which begins with what the workload says by then.
        const fresh = this.#new(engine.workload, decision.startWith ?? revision);
        const late = { ready: false, readyAtMs: this.nowMs + 5 * tickMs };
        this.engines.splice(this.engines.indexOf(engine), 1, { ...fresh, ...late });
      }
    }
    this.#resize(decision);
    for (const engine of this.engines) {
      if (engine.readyAtMs !== undefined && this.nowMs >= engine.readyAtMs) {
        engine.ready = true;
        delete engine.readyAtMs;
      }
      this.#load(engine);
    }
    this.away.push(this.engines.filter(({ ready }) => !ready).length);
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
    const names = [...new Set(this.engines.map((engine) => this.#revisionOf(engine)))];
    const revisions = names.map((revision): RevisionView => {
      const own = this.engines.filter((engine) => this.#revisionOf(engine) === revision);
      return { revision, replicas: own.length, ready: own.filter(({ ready }) => ready).length, weight: 0 };
    });
    const taken = this.state !== undefined && isTaken(this.state, this.aim);
    const way = { way: this.hot || taken ? 'hot' : 'surge', what: 'weights', reason: 'only weights changed' } as const;
    const replicas = this.engines.map((engine) => {
      const { id, ready, loaded, failed } = engine;
      return { id, ready, loaded, failed, unable: this.unable(engine) };
    });
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

  /** While engines change, a replica counts for what it answers with; at rest for what its workload runs. */
  #revisionOf({ workload, loaded }: Engine): string {
    const { state } = this;
    if (!state) return loaded;
    return state.hot && workload === hostOf(state, state.current) ? loaded : hostedBy(state, workload);
  }

  /** A workload has as many replicas as all of the revisions in it. */
  #resize({ state, replicas, startWith }: Decision): void {
    const wanted: Record<string, number> = {};
    for (const [revision, count] of Object.entries(replicas)) {
      const workload = hostOf(state, revision);
      wanted[workload] = (wanted[workload] ?? 0) + count;
    }
    for (const workload of new Set([...this.engines.map((engine) => engine.workload), ...Object.keys(wanted)])) {
      const has = this.engines.filter((engine) => engine.workload === workload);
      const count = wanted[workload] ?? 0;
      const begins = state.hot && startWith !== undefined ? startWith : hostedBy(state, workload);
      for (let at = has.length; at < count; at += 1) this.engines.push(this.#new(workload, begins));
      const gone = new Set(has.slice(count));
      this.engines = this.engines.filter((engine) => !gone.has(engine));
    }
  }

  #new(workload: string, loaded: string): Engine {
    this.#number += 1;
    return { id: `pool-${this.#number}`, workload, ready: true, loaded };
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

  it('comes with new replicas after all when the engines cannot', () => {
    const pool = ask(new Engines(3), 'b');
    const before = pool.engines.map(({ id }) => id);
    pool.unable = ({ loaded }) => (loaded === 'a' ? 'no memory for two' : undefined);
    pool.run(5_000);
    expect(pool.state).toMatchObject({ update: 'b', hot: undefined });
    expect(pool.state?.hosts).toEqual({});
    pool.run(60_000);
    expect(pool.state).toMatchObject({ current: 'b', update: undefined, rejected: undefined });
    expect(pool.state?.hosts).toEqual({});
    expect(pool.engines.filter(({ id }) => before.includes(id))).toEqual([]);
  });

  it('replaces the one replica that cannot, once another has it', () => {
    const pool = ask(new Engines(3), 'b');
    pool.unable = ({ id, loaded }) => (id === 'pool-2' && loaded === 'a' ? 'no memory for two' : undefined);
    pool.run(3 * (verifyMs + 12_000));
    expect(pool.state).toMatchObject({ current: 'b', update: undefined });
    expect(pool.engines.map(({ id }) => id)).toEqual(['pool-1', 'pool-4', 'pool-3']);
  });

  it('lives on in the workload that it came into, and so does the next', () => {
    const pool = ask(new Engines(2), 'b');
    pool.restarts = true;
    pool.run(3 * (verifyMs + 8_000));
    expect(pool.state).toMatchObject({ current: 'b', hosts: { b: 'a' } });
    ask(pool, 'c').run(3 * (verifyMs + 8_000));
    expect(pool.state).toMatchObject({ current: 'c', hosts: { c: 'a' } });
    ask(pool, 'a').run(3 * (verifyMs + 8_000));
    expect(pool.state).toMatchObject({ current: 'a' });
    expect(pool.state?.hosts).toEqual({});
  });

  it('goes back in the one workload that there is for it, by replacing one replica at a time, if engines cannot', () => {
    const pool = ask(new Engines(3), 'b').run(4 * (verifyMs + 8_000));
    pool.unable = () => 'no memory for two';
    pool.hot = false;
    const before = pool.engines.map(({ id }) => id);
    pool.away.length = 0;
    ask(pool, 'a').run(60_000);
    expect(pool.state).toMatchObject({ current: 'a', update: undefined });
    expect(pool.state?.hosts).toEqual({});
    expect(pool.count('a')).toBe(3);
    expect(pool.engines.filter(({ id }) => before.includes(id))).toEqual([]);
    expect(Math.max(...pool.away)).toBe(1);
  });

  it('turns back when what replaced a replica does not answer', () => {
    const pool = ask(new Engines(2), 'b').run(3 * (verifyMs + 8_000));
    pool.unable = ({ loaded }) => (loaded === 'b' ? 'no memory for two' : undefined);
    pool.hot = false;
    ask(pool, 'a').run(2_000);
    for (const engine of pool.engines) if (!engine.ready) engine.readyAtMs = Number.MAX_SAFE_INTEGER;
    pool.run(11 * 60_000);
    expect(pool.state).toMatchObject({ current: 'b', update: undefined, rejected: { revision: 'a' } });
    expect(pool.count('b')).toBeGreaterThanOrEqual(1);
  });

  it('reaches a replica that began with what the others had left behind', () => {
    const pool = ask(new Engines(2), 'b').run(3 * (verifyMs + 8_000));
    const [stray] = pool.engines;
    if (stray) stray.loaded = 'a';
    pool.run(10_000);
    expect(pool.count('b')).toBe(2);
    expect(pool.state).toMatchObject({ current: 'b', update: undefined });
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
