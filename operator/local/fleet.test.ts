import { existsSync, readdirSync } from 'node:fs';
import { systemClock } from '@qwenfleet/core/clock';
import type { FromChild, ToChild } from '@qwenfleet/core/fleet/channel';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import { emptyHistogram } from '@qwenfleet/core/load/histogram';
import { silentLogger } from '@qwenfleet/core/log';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { cpuClass, deploymentOf, routerOf } from '../harness/objects.ts';
import { fixture, isAlive, scratchFolder, until } from '../harness/processes.ts';
import { controlFileOf } from './control-server.ts';
import { LocalFleet } from './fleet.ts';
import type { PoolStatus } from './status.ts';

const running: LocalFleet[] = [];
afterEach(async () => {
  for (const fleet of running.splice(0)) {
    fleet.kill();
    await fleet.stop();
  }
});

type SceneOptions = {
  deployments?: QwenDeployment[];
  router?: Record<string, unknown>;
  runtime?: string;
  name?: string;
};

/** A fleet of real processes that speak the fleet's words and compute nothing. */
class Scene {
  readonly stateDir = scratchFolder(onTestFinished);
  readonly fleet: LocalFleet;
  url = '';

  constructor({ deployments = [deploymentOf()], router = {}, runtime = 'ready', name = 'router' }: SceneOptions = {}) {
    const base = routerOf(router);
    this.fleet = new LocalFleet({
      fleet: {
        router: { ...base, metadata: { ...base.metadata, name } },
        deployments,
        hardwareClasses: [cpuClass],
        secrets: [],
      },
      entries: { router: fixture('router'), runtime: fixture(runtime) },
      listen: { host: '127.0.0.1', port: 0 },
      cacheDir: '/cache',
      stateDir: this.stateDir,
      clock: systemClock,
      rng: () => 0,
      log: silentLogger,
    });
    running.push(this.fleet);
  }

  async start(): Promise<this> {
    this.url = await this.fleet.start();
    return this;
  }

  pool(name = 'small'): PoolStatus {
    const found = this.fleet.status().pools.find((pool) => pool.name === name);
    if (!found) throw new Error(`no pool ${name}`);
    return found;
  }

  reason(type: string, name?: string): string | undefined {
    return this.pool(name).conditions.find((condition) => condition.type === type)?.reason;
  }

  /** Until a pool's status reads so. */
  async shows(status: PoolStatus['status'], name?: string): Promise<this> {
    await until(() => this.pool(name).status === status, `${name ?? 'small'} is ${status}`);
    return this;
  }

  /** Has the router say something to its parent. */
  async routerSays(message: FromChild): Promise<void> {
    await fetch(`${this.url}/say`, { method: 'POST', body: JSON.stringify(message) });
  }

  /** The last list of servers that the router was given. */
  async lastSnapshot(): Promise<EndpointSnapshot | undefined> {
    const told = (await (await fetch(this.url)).json()) as ToChild[];
    return told.flatMap((message) => (message.type === 'endpoints' ? message.snapshot : [])).at(-1);
  }

  pids(): (number | undefined)[] {
    const { router, pools } = this.fleet.status();
    return [router.pid, ...pools.flatMap(({ replicas }) => replicas.map(({ pid }) => pid))];
  }
}

const outcomes = { errorsTotal: 0, firstByte: emptyHistogram(), revisions: {} };
const load = (idleMs: number, held = 0): FromChild => ({
  type: 'load',
  pools: { small: { ...outcomes, inFlight: 0, held, idleMs, requestsTotal: 1 } },
});

describe('a fleet that starts', () => {
  it('has an address at once, and pools that follow', async () => {
    const scene = await new Scene({ runtime: 'slow' }).start();
    expect(scene.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await until(() => scene.pool().replicas[0]?.progress !== undefined, 'progress');
    expect(scene.pool()).toMatchObject({ status: 'starting', ready: 0, desired: 1, restarts: 0 });
    expect(scene.reason('ModelCached')).toBe('Downloading');
    expect(scene.reason('Ready')).toBe('Downloading');
  });

  it('tells a person everything about a pool that answers', async () => {
    const scene = await (await new Scene().start()).shows('ready');
    expect(scene.fleet.status()).toMatchObject({ url: scene.url, router: { pid: expect.any(Number), restarts: 0 } });
    expect(scene.pool()).toMatchObject({
      name: 'small',
      tier: 'small',
      model: 'Qwen3-0.6B float32',
      ready: 1,
      desired: 1,
      inFlight: 0,
      held: 0,
      replicas: [{ id: 'small-1', state: 'ready', pid: expect.any(Number), restarts: 0 }],
    });
    expect(scene.reason('Ready')).toBe('Serving');
    expect(scene.reason('RouterProgrammed')).toBe('Programmed');
  });

  it('tells the router where each pool answers', async () => {
    const deployments = [deploymentOf(), deploymentOf({ tier: 'large' }, { name: 'large' })];
    const scene = await new Scene({ deployments }).start();
    await scene.shows('ready', 'small');
    await scene.shows('ready', 'large');
    const known = async (name: string): Promise<boolean> =>
      (await scene.lastSnapshot())?.pools[name]?.endpoints.length === 1;
    await until(async () => (await known('small')) && (await known('large')), 'the router knows both');
    const snapshot = await scene.lastSnapshot();
    expect(snapshot?.pools['large']?.endpoints).toMatchObject([{ id: 'large-1.1', state: 'ready' }]);
  });

  it('says of a pool that the router does not take that it is not selected', async () => {
    const deployments = [
      deploymentOf({}, { labels: { team: 'a' } }),
      deploymentOf({ tier: 'large' }, { name: 'large', labels: { team: 'b' } }),
    ];
    const router = { pools: { selector: { matchLabels: { team: 'a' } } } };
    const scene = await new Scene({ deployments, router }).start();
    await scene.shows('ready', 'small');
    expect(scene.reason('RouterProgrammed', 'small')).toBe('Programmed');
    expect(scene.reason('RouterProgrammed', 'large')).toBe('NotSelected');
    expect(Object.keys((await scene.lastSnapshot())?.pools ?? {})).toEqual(['small']);
  });

  it('says which fields of the endpoint nothing follows from here', () => {
    const { fleet } = new Scene({ router: { replicas: 3, paused: true, session: { affinity: 'Pool' } } });
    expect(fleet.routerNotActedOn.map(({ path }) => path)).toEqual([
      'spec.session.affinity',
      'spec.replicas',
      'spec.paused',
    ]);
    expect(new Scene().fleet.routerNotActedOn).toEqual([]);
  });

  it('fails with what the router says when it cannot listen, and leaves nothing behind', async () => {
    const scene = new Scene({ name: 'refusing' });
    await expect(scene.start()).rejects.toThrow('its port is taken');
    const pids = scene.pids();
    await scene.fleet.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(scene.stateDir)).toEqual([]);
  });
});

describe('a pool that nobody asks', () => {
  const deployments = [deploymentOf({ scaling: { minReplicas: 0, maxReplicas: 2, scaleToZeroAfter: '1s' } })];

  it('has no process after its idle time, and one again when the router wakes it', async () => {
    const scene = await (await new Scene({ deployments }).start()).shows('ready');
    await scene.routerSays(load(60_000));
    await scene.shows('scaled-to-zero');
    await until(() => scene.pool().replicas.length === 0, 'no process');
    expect(scene.pool().lastDecision).toMatch(/^1 to 0: idle for/);
    expect(scene.reason('Ready')).toBe('ScaledToZero');
    await scene.routerSays({ type: 'wake', pool: 'small' });
    await scene.shows('ready');
    expect(scene.pool().replicas.map(({ id }) => id)).toEqual(['small-2']);
    expect(scene.pool().held).toBe(1);
  });

  it('is not woken by names that there are not', async () => {
    const scene = await (await new Scene({ deployments }).start()).shows('ready');
    await scene.routerSays({ type: 'wake', pool: 'nobody' });
    await scene.routerSays({
      type: 'load',
      pools: { nobody: { ...outcomes, inFlight: 9, held: 9, requestsTotal: 9 } },
    });
    await scene.routerSays(load(0));
    await until(() => scene.reason('ScalingActive') === 'Active', 'the load is heard');
    expect(scene.fleet.status().pools).toHaveLength(1);
  });
});

describe('a router that ends', () => {
  it('is started again on the same port, and meanwhile nobody knows the load', async () => {
    const deployments = [deploymentOf({ scaling: { minReplicas: 1, maxReplicas: 2 } })];
    const scene = await (await new Scene({ deployments }).start()).shows('ready');
    await scene.routerSays(load(0));
    await until(() => scene.reason('ScalingActive') === 'Active', 'the load is heard');
    const { pid } = scene.fleet.status().router;
    process.kill(pid ?? 0, 'SIGKILL');
    await until(() => scene.fleet.status().router.restarts === 1, 'the end is seen');
    expect(scene.reason('ScalingActive')).toBe('NoSignal');
    await until(() => scene.fleet.status().url === scene.url, 'it listens again');
    expect(scene.fleet.status().router.pid).not.toBe(pid);
    expect(scene.reason('RouterProgrammed')).toBe('Programmed');
    expect((await scene.lastSnapshot())?.pools['small']?.endpoints).toMatchObject([{ id: 'small-1.1' }]);
  });
});

describe('a runtime that cannot start', () => {
  it('makes its pool unavailable, with the reason where people look', async () => {
    const scene = await (await new Scene({ runtime: 'failing' }).start()).shows('unavailable');
    expect(scene.pool().replicas[0]?.failure).toBeDefined();
    await until(() => scene.reason('ModelResolved') === 'NotFound', 'the first reason');
    expect(scene.reason('Ready')).toBe('NotFound');
    await until(() => scene.reason('WorkloadAvailable') === 'EngineCrashed', 'the second reason');
    expect(scene.reason('Progressing')).toBe('Failing');
  });

  it('changes the time of a condition only when its status flips', async () => {
    const scene = await (await new Scene({ runtime: 'failing' }).start()).shows('unavailable');
    const timeOf = (): string | undefined =>
      scene.pool().conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    const first = timeOf();
    await until(() => scene.pool().restarts >= 2, 'another start');
    expect(timeOf()).toBe(first);
  });
});

describe('a fleet that is stopped', () => {
  it('has no process, no control file and no folder left', async () => {
    const scene = await (await new Scene().start()).shows('ready');
    const file = controlFileOf(scene.stateDir, Number(new URL(scene.url).port));
    expect(existsSync(file)).toBe(true);
    const pids = scene.pids();
    expect(pids.filter(isAlive)).toHaveLength(2);
    await scene.fleet.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(scene.stateDir)).toEqual([]);
  });

  it('twice is as good as once', async () => {
    const scene = await (await new Scene().start()).shows('ready');
    await Promise.all([scene.fleet.stop(), scene.fleet.stop()]);
    expect(scene.pids().filter(isAlive)).toEqual([]);
  });

  it('by a second Ctrl-C is gone at once, however stubborn', async () => {
    const scene = await (await new Scene({ runtime: 'stubborn' }).start()).shows('ready');
    const pids = scene.pids();
    const stopping = scene.fleet.stop();
    scene.fleet.kill();
    await stopping;
    await until(() => pids.filter(isAlive).length === 0, 'every process has ended');
  });
});
