import { seededRng } from '@qwenfleet/core/rng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, initialState } from './decide.ts';
import { historyMax, type Observation, type ScaleSpec, type ScaleState, type Signal } from './types.ts';

const tickMs = 250;
const plain: ScaleSpec = {
  schedules: [],
  boundsFrom: undefined,
  minReplicas: 0,
  maxReplicas: 10,
  metric: 'Concurrency',
  targetPerReplica: 10,
  stableMs: 60_000,
  panicMs: 6_000,
  panicThreshold: 200,
  rateUp: 4,
  rateDown: 2,
  scaleDownDelayMs: 0,
  scaleToZeroAfterMs: 600_000,
  mode: 'Enforce',
};
const signalOf = (value: number, held = 0): Signal => ({
  value: value + held,
  inFlight: value,
  held,
  idleMs: undefined,
});

/** A pool whose replicas are ready some time after they are wanted, under a load that is a function of time. */
class Pool {
  state: ScaleState;
  nowMs = 0;
  readonly desired: number[] = [];
  readonly #spec: ScaleSpec;
  readonly #startMs: number;
  #ready: number;
  #pending: number[] = [];

  constructor(spec: Partial<ScaleSpec>, replicas: number, startMs = 2_000) {
    this.#spec = { ...plain, ...spec };
    this.#startMs = startMs;
    this.#ready = replicas;
    this.state = initialState(replicas, this.#spec, 0);
  }

  get ready(): number {
    return this.#ready;
  }

  run(forMs: number, load: (nowMs: number) => Signal | undefined): this {
    for (const untilMs = this.nowMs + forMs; this.nowMs < untilMs; this.nowMs += tickMs) {
      const due = this.#pending.filter((atMs) => atMs <= this.nowMs).length;
      this.#ready += due;
      this.#pending = this.#pending.filter((atMs) => atMs > this.nowMs);
      const observation = { ready: this.#ready, starting: this.#pending.length, signal: load(this.nowMs) };
      const { state, desired } = decide(this.state, observation, this.#spec, this.nowMs);
      this.state = state;
      this.desired.push(desired);
      this.#follow(desired);
    }
    return this;
  }

  #follow(desired: number): void {
    while (this.#ready + this.#pending.length < desired) this.#pending.push(this.nowMs + this.#startMs);
    while (this.#ready + this.#pending.length > desired) {
      if (this.#pending.length > 0) this.#pending.pop();
      else this.#ready -= 1;
    }
  }
}

describe('steady load', () => {
  it.each([
    [1, 1],
    [10, 1],
    [11, 2],
    [35, 4],
    [95, 10],
    [500, 10],
  ])('of %d requests at a target of 10 is %d replicas', (load, wanted) => {
    expect(new Pool({}, 1).run(180_000, () => signalOf(load)).state.desired).toBe(wanted);
  });

  it('shrinks when it falls, after the delay and not before', () => {
    const pool = new Pool({ scaleDownDelayMs: 120_000 }, 4).run(90_000, () => signalOf(38));
    expect(pool.state.desired).toBe(4);
    pool.run(110_000, () => signalOf(8));
    expect(pool.state.desired).toBe(4);
    pool.run(200_000, () => signalOf(8));
    expect(pool.state.desired).toBe(1);
  });

  it('does not shrink in the first stable window after a start, when averages know nothing yet', () => {
    const pool = new Pool({}, 6).run(59_000, () => signalOf(5));
    expect(new Set(pool.desired)).toEqual(new Set([6]));
    expect(pool.run(60_000, () => signalOf(5)).state.desired).toBe(1);
  });
});

describe('a burst', () => {
  it('is answered within the panic window, not the stable one', () => {
    const pool = new Pool({}, 1).run(120_000, () => signalOf(2));
    pool.run(6_000, () => signalOf(60));
    expect(pool.state.desired).toBeGreaterThanOrEqual(4);
    expect(pool.state.history[0]?.reason).toMatch(/^burst: Concurrency .* % of the target/);
  });

  it('removes nothing until a stable window after it is over', () => {
    const pool = new Pool({}, 1).run(120_000, () => signalOf(2)).run(10_000, () => signalOf(80));
    const peak = pool.state.desired;
    expect(peak).toBe(8);
    pool.run(50_000, () => signalOf(1));
    expect(pool.state.desired).toBe(peak);
    pool.run(120_000, () => signalOf(1));
    expect(pool.state.desired).toBe(1);
  });
});

describe('zero', () => {
  it('is reached after the idle time, and not before', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 30_000, scaleDownDelayMs: 300_000 }, 1).run(29_000, () => signalOf(0));
    expect(pool.state.desired).toBe(1);
    expect(pool.run(2_000, () => signalOf(0)).state.desired).toBe(0);
    expect(pool.state.reason).toBe('idle for 30 s');
  });

  it('is left at once when a request is held', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 3_000 }, 1).run(10_000, () => signalOf(0));
    expect(pool.state.desired).toBe(0);
    expect(pool.run(tickMs, () => signalOf(0, 1)).state.desired).toBe(1);
  });

  it('with many held starts no more at once than the rate allows, then follows the load', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 3_000 }, 1).run(120_000, () => signalOf(0));
    pool.run(tickMs, () => signalOf(0, 500));
    expect(pool.state.desired).toBeGreaterThanOrEqual(1);
    expect(pool.state.desired).toBeLessThanOrEqual(4);
    expect(pool.run(20_000, () => signalOf(0, 500)).state.desired).toBe(10);
  });

  it('waits for a first replica that is still loading, however long it takes', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 3_000 }, 0, 60_000);
    pool.run(tickMs, () => signalOf(0, 1)).run(55_000, () => signalOf(0));
    expect(pool.state.desired).toBe(1);
  });

  it('waits for a request that takes longer than the idle time, whatever the metric', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 3_000, metric: 'QueueDepth' }, 1);
    pool.run(60_000, () => ({ value: 0, inFlight: 1, held: 0, idleMs: undefined }));
    expect(pool.state.desired).toBe(1);
  });

  it('counts from the last request that the router saw between two ticks', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 10_000 }, 1);
    pool.run(60_000, (nowMs) => ({ value: 0, inFlight: 0, held: 0, idleMs: nowMs % 9_000 }));
    expect(pool.state.desired).toBe(1);
  });

  it('is not for a pool with a minimum', () => {
    expect(
      new Pool({ minReplicas: 1, scaleToZeroAfterMs: undefined }, 1).run(3_600_000, () => signalOf(0)).state.desired,
    ).toBe(1);
  });
});

describe('a signal that is missing', () => {
  it('changes nothing, and says so', () => {
    const pool = new Pool({ scaleToZeroAfterMs: 3_000 }, 3).run(300_000, () => undefined);
    expect(pool.state.desired).toBe(3);
    expect(pool.state.reason).toBe('nobody reports Concurrency: nothing changes');
  });

  it('still starts a replica for a held request', () => {
    const pool = new Pool({}, 0).run(tickMs, () => ({ value: undefined, inFlight: 0, held: 2, idleMs: 0 }));
    expect(pool.state.desired).toBe(1);
  });
});

describe('a signal from some of the routers only', () => {
  const partial = (value: number): Signal => ({ ...signalOf(value), partial: true });

  it('may add replicas, since there is at least this much to do', () => {
    expect(new Pool({}, 1).run(120_000, () => partial(35)).state.desired).toBe(4);
  });

  it('removes none, and never the last', () => {
    expect(new Pool({}, 4).run(300_000, () => partial(5)).state.desired).toBe(4);
    expect(new Pool({ scaleToZeroAfterMs: 3_000 }, 1).run(300_000, () => partial(0)).state.desired).toBe(1);
  });
});

describe('replicas that are needed', () => {
  it('stay while a request is held, however low the load', () => {
    const pool = new Pool({ metric: 'QueueDepth' }, 4);
    pool.run(300_000, () => ({ value: 1, inFlight: 0, held: 1, idleMs: undefined }));
    expect(pool.state.desired).toBe(4);
  });

  it('stay while none of them is ready yet', () => {
    const pool = new Pool({}, 0, 200_000);
    pool.run(6_000, () => signalOf(0, 40)).run(180_000, () => signalOf(0));
    expect(pool.ready).toBe(0);
    expect(pool.state.desired).toBe(4);
    expect(pool.run(120_000, () => signalOf(1)).state.desired).toBe(1);
  });
});

describe('thin evidence', () => {
  const growing = 'Concurrency 14 over 60 s, target 10 a replica; waits for more samples before it grows';

  it('adds nothing: one sample after a start is not an average', () => {
    const pool = new Pool({}, 1).run(5_000, () => signalOf(14));
    expect(pool.state).toMatchObject({ desired: 1, reason: growing });
    expect(pool.run(3_000, () => signalOf(14)).state.desired).toBe(2);
  });

  it('removes nothing after the routers were silent for a while', () => {
    const pool = new Pool({}, 4).run(300_000, () => signalOf(38)).run(90_000, () => undefined);
    pool.run(25_000, () => signalOf(2));
    expect(pool.state.desired).toBe(4);
    expect(pool.run(60_000, () => signalOf(2)).state.desired).toBe(1);
  });
});

describe('bounds', () => {
  it('are named when they decide', () => {
    const pool = new Pool({ maxReplicas: 3 }, 1).run(120_000, () => signalOf(90));
    expect(pool.state.reason).toMatch(/; at most 3$/);
    const office = { minReplicas: 2, boundsFrom: '08:00 to 18:00 Europe/Berlin' };
    const kept = new Pool(office, 1).run(tickMs, () => signalOf(0));
    expect(kept.state).toMatchObject({ desired: 2 });
    expect(kept.state.reason).toMatch(/; at least 2 from 08:00 to 18:00 Europe\/Berlin$/);
  });

  it('that shrink are obeyed at once, in a burst too', () => {
    const pool = new Pool({}, 1).run(120_000, () => signalOf(2)).run(10_000, () => signalOf(80));
    expect(pool.state.desired).toBe(8);
    const narrow = { ...plain, maxReplicas: 3 };
    expect(decide(pool.state, { ready: 8, starting: 0, signal: signalOf(80) }, narrow, pool.nowMs).desired).toBe(3);
  });
});

describe('recommend mode', () => {
  it('says what it would do, and does nothing', () => {
    const pool = new Pool({ mode: 'Recommend' }, 1).run(120_000, () => signalOf(35));
    expect(pool.state).toMatchObject({ desired: 1, recommended: 4 });
    expect(pool.state.history[0]).toMatchObject({ to: 4 });
  });
});

it('keeps the last five decisions, newest first', () => {
  const pool = new Pool({ scaleToZeroAfterMs: 3_000 }, 1);
  for (let turn = 0; turn < 10; turn += 1) pool.run(10_000, () => signalOf(0)).run(5_000, () => signalOf(1));
  expect(pool.state.history).toHaveLength(historyMax);
  expect(pool.state.history[0]).toMatchObject({ from: 0, to: 1 });
  expect(pool.state.history.map(({ atMs }) => atMs)).toEqual(
    pool.state.history.map(({ atMs }) => atMs).toSorted((a, b) => b - a),
  );
});

it('goes on where it was after its state was written down and read back', () => {
  const run = (through: (state: ScaleState) => ScaleState): number[] => {
    const pool = new Pool({}, 2).run(30_000, (nowMs) => signalOf(nowMs / 1000));
    pool.state = through(pool.state);
    return pool.run(60_000, (nowMs) => signalOf(nowMs / 1000)).desired;
  };
  expect(run((state) => JSON.parse(JSON.stringify(state)))).toEqual(run((state) => state));
});

describe('whatever the load is', () => {
  const seed = Number(process.env['QWENFLEET_SEED'] ?? 20_261_123);
  const check = <T>(property: fc.IProperty<T>, numRuns = 200): void => fc.assert(property, { seed, numRuns });
  const loads = fc.array(
    fc.record({ inFlight: fc.nat(200), held: fc.nat(50), ready: fc.nat(12), gone: fc.boolean() }),
    {
      minLength: 1,
      maxLength: 60,
    },
  );
  const specs = fc
    .record({
      minReplicas: fc.nat(3),
      extra: fc.integer({ min: 1, max: 9 }),
      targetPerReplica: fc.integer({ min: 1, max: 40 }),
      rateUp: fc.integer({ min: 2, max: 6 }),
      rateDown: fc.integer({ min: 2, max: 4 }),
      scaleDownDelayMs: fc.constantFrom(0, 5_000, 300_000),
      scaleToZeroAfterMs: fc.constantFrom(1_000, 30_000),
    })
    .map(({ extra, ...spec }): ScaleSpec => ({
      ...plain,
      ...spec,
      maxReplicas: spec.minReplicas + extra,
      scaleToZeroAfterMs: spec.minReplicas === 0 ? spec.scaleToZeroAfterMs : undefined,
    }));
  type Step = { before: ScaleState; after: ScaleState; observation: Observation; nowMs: number };

  function steps(spec: ScaleSpec, samples: { inFlight: number; held: number; ready: number; gone: boolean }[]): Step[] {
    let state = initialState(Math.max(spec.minReplicas, 1), spec, 0);
    return samples.map(({ inFlight, held, ready, gone }, at) => {
      const nowMs = at * 1_500;
      const signal = gone ? undefined : { value: inFlight + held, inFlight, held, idleMs: undefined };
      const observation = { ready, starting: 0, signal };
      const before = state;
      state = decide(before, observation, spec, nowMs).state;
      return { before, after: state, observation, nowMs };
    });
  }
  const everyStep = (holds: (step: Step, spec: ScaleSpec) => boolean): void =>
    check(fc.property(specs, loads, (spec, samples) => steps(spec, samples).every((step) => holds(step, spec))));

  it('stays within its bounds', () => {
    everyStep(({ after }, spec) => after.desired >= spec.minReplicas && after.desired <= spec.maxReplicas);
  });

  it('never has less than one replica for a held request', () => {
    everyStep(({ after, observation }) => (observation.signal?.held ?? 0) === 0 || after.desired >= 1);
  });

  it('grows and shrinks at most by its rates in one tick', () => {
    everyStep(({ before, after, observation }, spec) => {
      const ceiling = Math.max(
        before.desired,
        Math.ceil(spec.rateUp * Math.max(1, observation.ready)),
        spec.minReplicas,
      );
      const floor = Math.min(Math.floor(before.desired / spec.rateDown), spec.maxReplicas);
      return after.desired <= ceiling && after.desired >= floor;
    });
  });

  it('removes nothing while a request is held or none of its replicas is ready', () => {
    everyStep(({ before, after, observation: { ready, signal } }, spec) => {
      if (ready > 0 && (signal?.held ?? 0) === 0) return true;
      return after.desired >= Math.min(before.desired, spec.maxReplicas);
    });
  });

  it('answers a burst of any size within the panic window', () => {
    check(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 3, max: 9 }), (replicas, times) => {
        const pool = new Pool({ maxReplicas: 40 }, replicas).run(120_000, () => signalOf(replicas * 9));
        const before = pool.state.desired;
        pool.run(plain.panicMs, () => signalOf(replicas * 10 * times));
        return pool.state.panicUntilMs !== undefined && pool.state.desired > before;
      }),
      30,
    );
  });

  it('removes nothing in panic', () => {
    everyStep(({ before, after }) => after.panicUntilMs === undefined || after.desired >= before.desired);
  });

  it('is at zero only after idle time', () => {
    everyStep(({ before, after, nowMs }, spec) => {
      if (after.desired > 0 || before.desired === 0) return true;
      return nowMs - after.activeAtMs >= (spec.scaleToZeroAfterMs ?? Infinity);
    });
  });

  it('wants no less when there is more to do', () => {
    const more = fc.nat(300);
    check(
      fc.property(specs, loads, more, fc.nat(200), (spec, samples, extra, inFlight) => {
        const before = steps(spec, samples).at(-1)?.after ?? initialState(1, spec, 0);
        const nowMs = samples.length * 1_500;
        const ready = samples.at(-1)?.ready ?? 1;
        const at = (load: number): number =>
          decide(before, { ready, starting: 0, signal: signalOf(load) }, spec, nowMs).desired;
        return at(inFlight + extra) >= at(inFlight);
      }),
    );
  });

  it('does not flap under ten percent of noise', () => {
    check(
      fc.property(fc.integer({ min: 1, max: 95 }), fc.nat(0xffff), (load, noiseSeed) => {
        const rng = seededRng(noiseSeed);
        const pool = new Pool({}, 1).run(300_000, () => signalOf(load * (0.9 + 0.2 * rng())));
        const settled = pool.desired.slice(-(120_000 / tickMs));
        const changes = settled.filter((desired, at) => at > 0 && desired !== settled[at - 1]).length;
        return changes <= 1 && pool.ready * 10 >= load * 0.95;
      }),
      40,
    );
  });
});
