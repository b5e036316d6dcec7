import { ManualClock } from '@qwenfleet/core/clock';
import type { PoolLoad } from '@qwenfleet/core/load/pool-report';
import { silentLogger } from '@qwenfleet/core/log';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { cpuClass, deploymentOf } from '../harness/objects.ts';
import { fixture, isAlive, scratchFolder, until } from '../harness/processes.ts';
import { planDeployment } from '../reconcile/qwendeployment/plan.ts';
import { Pool } from './pool.ts';
import { localSubstrate } from './substrate.ts';

const tickMs = 250;
const scaling = {
  minReplicas: 0,
  maxReplicas: 3,
  scaleToZeroAfter: '10s',
  scaleDownDelay: '0s',
  target: { metric: 'Concurrency', value: 2 },
};
const loadOf = (changes: Partial<PoolLoad> = {}): PoolLoad => ({
  inFlight: 0,
  held: 0,
  requestsTotal: 0,
  ...changes,
});

const running: Pool[] = [];
afterEach(() => {
  for (const pool of running.splice(0)) pool.kill();
});

class Scene {
  readonly clock = new ManualClock();
  readonly telemetry = new Telemetry('operator');
  readonly pool: Pool;
  changes = 0;

  constructor(spec: Record<string, unknown>, program = 'ready') {
    const deployment = deploymentOf(spec);
    const plan = planDeployment({
      deployment,
      hardwareClass: cpuClass,
      substrate: localSubstrate,
      cacheDir: '/cache',
    });
    this.pool = new Pool(deployment, plan, {
      runtimeEntry: fixture(program),
      stateDir: scratchFolder(onTestFinished),
      clock: this.clock,
      rng: () => 0,
      log: silentLogger,
      telemetry: this.telemetry,
      onChange: () => (this.changes += 1),
    });
    running.push(this.pool);
    this.pool.tick();
  }

  /** The scaler looks four times a second, at the same load. */
  async runs(forMs: number, load: PoolLoad): Promise<void> {
    for (let passedMs = 0; passedMs < forMs; passedMs += tickMs) {
      this.pool.hear(load);
      this.pool.tick();
      await this.clock.advance(tickMs);
    }
  }

  async has(ready: number): Promise<this> {
    await until(() => this.states().filter((state) => state === 'ready').length === ready, `${ready} ready`);
    return this;
  }

  states(): string[] {
    return this.pool.replicas.map(({ view }) => view.state);
  }

  pids(): (number | undefined)[] {
    return this.pool.replicas.map(({ pid }) => pid);
  }
}

describe('a pool', () => {
  it('begins with one replica, although it may have none', async () => {
    const scene = new Scene({ scaling });
    expect(scene.pool.endpoints()).toEqual({ endpoints: [], desired: 1, starting: 1, wakeable: true });
    await scene.has(1);
    expect(scene.pool.endpoints()).toMatchObject({
      endpoints: [{ id: 'small-1.1', state: 'ready' }],
      starting: 0,
      wakeable: true,
    });
  });

  it('has no replica while a schedule allows none, and says so to the router', async () => {
    const allDay = { start: '00:00', end: '00:00', maxReplicas: 0 };
    const scene = new Scene({ scaling: { ...scaling, schedules: [allDay] } });
    await until(() => scene.states().length === 0, 'no replica');
    const problem = 'its schedule 00:00 to 00:00 UTC allows no replica';
    expect(scene.pool.endpoints()).toMatchObject({ endpoints: [], desired: 0, problem });
    await scene.runs(1_000, loadOf({ held: 1 }));
    expect(scene.pool.replicas).toEqual([]);
  });

  it('grows under load, one process for each replica that is wanted', async () => {
    const scene = await new Scene({ scaling }).has(1);
    await scene.runs(8_000, loadOf({ inFlight: 5, idleMs: 0 }));
    expect(scene.pool.desired).toBe(3);
    await scene.has(3);
    expect(scene.pool.endpoints().endpoints.map(({ id }) => id)).toEqual(['small-1.1', 'small-2.1', 'small-3.1']);
    expect(new Set(scene.pids()).size).toBe(3);
    const { body } = await scene.telemetry.expose();
    expect(body).toMatch(/scale_decisions_total\{pool_namespace="default",pool="small",direction="up"\} [12]/);
  });

  it('shrinks when it is quiet again, the newest first, and reaches zero', async () => {
    const scene = await new Scene({ scaling: { ...scaling, minReplicas: 0 } }).has(1);
    await scene.runs(8_000, loadOf({ inFlight: 5, idleMs: 0 }));
    await scene.has(3);
    const pids = scene.pids();
    await scene.runs(240_000, loadOf({ inFlight: 1, idleMs: 0 }));
    expect(scene.pool.desired).toBe(1);
    await until(() => scene.pool.replicas.length === 1, 'two are gone');
    expect(scene.pids()).toEqual([pids[0]]);
    await scene.runs(11_000, loadOf({ idleMs: 11_000 }));
    expect(scene.pool.desired).toBe(0);
    await until(() => scene.pool.replicas.length === 0, 'all are gone');
    expect(pids.filter(isAlive)).toEqual([]);
    expect(scene.pool.endpoints()).toEqual({ endpoints: [], desired: 0, starting: 0, wakeable: true });
  });

  it('keeps answers that run while it shrinks', async () => {
    const scene = await new Scene({ scaling }, 'busy').has(1);
    await scene.runs(11_000, loadOf({ idleMs: 11_000 }));
    expect(scene.pool.endpoints().endpoints).toMatchObject([{ id: 'small-1.1', state: 'draining' }]);
    const before = scene.changes;
    await until(() => scene.pool.replicas.length === 0, 'it is gone');
    expect(scene.changes).toBe(before + 1);
  });

  it('at zero is woken by a request that is held, as a process with a new id', async () => {
    const scene = await new Scene({ scaling }).has(1);
    await scene.runs(11_000, loadOf({ idleMs: 11_000 }));
    await until(() => scene.pool.replicas.length === 0, 'it is gone');
    scene.pool.hear(loadOf({ held: 1 }));
    scene.pool.tick();
    expect(scene.pool.desired).toBe(1);
    await scene.has(1);
    expect(scene.pool.endpoints().endpoints.map(({ id }) => id)).toEqual(['small-2.1']);
  });

  it('changes nothing while nobody reports its load', async () => {
    const scene = await new Scene({ scaling }).has(1);
    for (let passedMs = 0; passedMs < 60_000; passedMs += tickMs) {
      scene.pool.hear(undefined);
      scene.pool.tick();
      await scene.clock.advance(tickMs);
    }
    expect(scene.pool.desired).toBe(1);
    expect(scene.pool.observed('ready')).toMatchObject({ desired: 1, hasSignal: false, router: 'ready' });
  });

  it('of a fixed number has that number, whatever the load', async () => {
    const scene = await new Scene({ replicas: 2 }).has(2);
    await scene.runs(10_000, loadOf({ inFlight: 50, held: 50 }));
    expect(scene.states()).toEqual(['ready', 'ready']);
    expect(scene.pool.endpoints().wakeable).toBe(false);
  });

  it('whose replica is killed with -9 has it back under a new id, and the other one is left alone', async () => {
    const scene = await new Scene({ replicas: 2 }).has(2);
    const [first, second] = scene.pids();
    process.kill(first ?? 0, 'SIGKILL');
    await until(() => scene.states().includes('waiting'), 'the end is seen');
    expect(scene.pool.endpoints()).toMatchObject({ endpoints: [{ id: 'small-2.1' }], desired: 2, starting: 1 });
    await scene.clock.advance(0);
    await scene.has(2);
    expect(scene.pool.endpoints().endpoints.map(({ id }) => id)).toEqual(['small-1.2', 'small-2.1']);
    expect(scene.pids()[1]).toBe(second);
  });
});

describe('a pool that cannot answer', () => {
  it('says what its replica said, while it is tried again', async () => {
    const { pool } = new Scene({ replicas: 1 }, 'failing');
    await until(() => pool.endpoints().problem !== undefined, 'the reason');
    expect(pool.endpoints()).toMatchObject({ problem: 'there is no such model', desired: 1, starting: 1 });
  });

  it('because its engine does not run here starts nothing and says so', () => {
    const { pool } = new Scene({ engine: { type: 'vllm' } });
    expect(pool.replicas).toEqual([]);
    expect(pool.endpoints()).toMatchObject({ desired: 0, wakeable: false, problem: expect.stringContaining('vllm') });
  });

  it('because it is suspended starts nothing, and no request wakes it', () => {
    const { pool } = new Scene({ scaling, suspend: true });
    pool.hear(loadOf({ held: 3 }));
    pool.tick();
    expect(pool.replicas).toEqual([]);
    expect(pool.endpoints()).toMatchObject({ desired: 0, wakeable: false, problem: 'the pool is suspended' });
  });
});

describe('a pool of an external server', () => {
  it('has one endpoint, at the address that was given, and no process', () => {
    const { pool } = new Scene({
      model: { servedName: 'gpt' },
      hardware: undefined,
      engine: { type: 'external', url: 'https://models.example/v1', upstreamModel: 'big' },
    });
    expect(pool.replicas).toEqual([]);
    expect(pool.endpoints()).toEqual({
      endpoints: [{ id: 'small', url: 'https://models.example/v1', state: 'ready' }],
      desired: 1,
      starting: 0,
      wakeable: false,
    });
  });
});

describe('a pool that is stopped', () => {
  it.each(['ready', 'stubborn', 'slow'])(
    'leaves no process of the kind %s behind, and starts no other',
    async (program) => {
      const { pool, pids } = await stoppable(program);
      await pool.stop(200);
      expect(pids.filter(isAlive)).toEqual([]);
      pool.hear(loadOf({ held: 5 }));
      pool.tick();
      expect(pool.replicas.map(({ pid }) => pid)).toEqual(pids);
    },
  );

  it('ends those too that were on their way out', async () => {
    const scene = await new Scene({ scaling }, 'stubborn').has(1);
    const [pid] = scene.pids();
    await scene.runs(11_000, loadOf({ idleMs: 11_000 }));
    expect(scene.states()).toEqual(['draining']);
    await scene.pool.stop(200);
    expect(isAlive(pid)).toBe(false);
  });

  async function stoppable(program: string): Promise<{ pool: Pool; pids: (number | undefined)[] }> {
    const scene = new Scene({ replicas: 2 }, program);
    await until(() => scene.pool.replicas.every(({ pid }) => isAlive(pid)), 'both run');
    if (program !== 'slow') await scene.has(2);
    return { pool: scene.pool, pids: scene.pids() };
  }
});
