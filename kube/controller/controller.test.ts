import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StatusError } from '../client/status-error.ts';
import { ModelApi } from '../harness/model-api.ts';
import { deployments, pods, type ConfigMap } from '../kinds.ts';
import { ownedBy, type KubeObject } from '../object.ts';
import { Reflector } from '../reflector/reflector.ts';
import { Controller, type ControllerOptions, type Reconcile } from './controller.ts';
import { TerminalError } from './outcome.ts';
import { changesOf, ofSpec, ownerKeys } from './source.ts';

type World = {
  clock: ManualClock;
  api: ModelApi;
  reflector: Reflector<ConfigMap>;
  controller: Controller;
  telemetry: Telemetry;
  exposed: () => Promise<string>;
};
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function world(reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Promise<World> {
  const clock = new ManualClock();
  const api = new ModelApi(clock);
  const telemetry = new Telemetry('kube');
  const environment = { clock, rng: seededRng(1), log: silentLogger, telemetry };
  const reflector = new Reflector({ name: 'maps', source: api }, environment);
  const sources = [changesOf(reflector)];
  const controller = new Controller({ name: 'c', sources, reconcile, ...options }, environment);
  stops.push(async () => {
    await controller.stop(0);
    await reflector.stop();
  });
  return { clock, api, reflector, controller, telemetry, exposed: async () => (await telemetry.expose()).body };
}

async function start({ controller, reflector, clock }: World): Promise<void> {
  controller.start();
  reflector.start();
  await clock.advance(0);
}

describe('many keys that need nothing', () => {
  it('leave a turn of the event loop to everybody else after each, however many workers there are', async () => {
    let turn = 0;
    let ticking = true;
    const tick = (): void => {
      turn += 1;
      if (ticking) setImmediate(tick);
    };
    const turns: number[] = [];
    const it = await world(async () => void turns.push(turn), { workers: 4 });
    for (let index = 0; index < 100; index += 1) it.api.put(`key-${index}`, '1');
    tick();
    await start(it);
    await vi.waitFor(() => expect(turns).toHaveLength(100));
    ticking = false;
    // Each worker takes its first key at once.
    expect(new Set(turns).size).toBeGreaterThanOrEqual(96);
  });
});

describe('a controller', () => {
  it('begins when the caches are full, and reconciles each object', async () => {
    const seen: [string, number][] = [];
    const it = await world(async (key) => void seen.push([key, it.reflector.cache.size]));
    it.api.put('a', '1');
    it.api.put('b', '1');
    it.controller.start();
    await it.clock.advance(1_000);
    expect(seen).toEqual([]);
    await start(it);
    expect(seen).toEqual([
      ['default/a', 2],
      ['default/b', 2],
    ]);
    it.api.remove('a');
    await it.clock.advance(0);
    expect(seen.at(-1)).toEqual(['default/a', 1]);
  });

  it('works on as many keys at once as it has workers, and never twice on one', async () => {
    let now = 0;
    let most = 0;
    const it = await world(
      async () => {
        now += 1;
        most = Math.max(most, now);
        await it.clock.sleep(10);
        now -= 1;
      },
      { workers: 3 },
    );
    for (const name of 'abcdefgh') it.api.put(name, '1');
    await start(it);
    for (const name of 'abcdefgh') it.api.put(name, '2');
    await it.clock.advance(100);
    expect([most, now]).toEqual([3, 0]);
  });

  it('looks again when a reconcile asks for it', async () => {
    const atMs: number[] = [];
    const it = await world(async () => {
      atMs.push(it.clock.nowMs());
      return { requeueAfterMs: 30_000 };
    });
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(60_000);
    expect(atMs).toEqual([0, 30_000, 60_000]);
    expect(await it.exposed()).toContain('controller_runtime_reconcile_total{controller="c",result="requeue_after"} 3');
  });
});

describe('a reconcile that fails', () => {
  const failing = (error: Error, succeedAfter = Infinity): [Reconcile, { times: number }] => {
    const count = { times: 0 };
    return [
      async () => {
        count.times += 1;
        if (count.times <= succeedAfter) throw error;
      },
      count,
    ];
  };

  it('is tried again, later each time, until it succeeds', async () => {
    const [reconcile, count] = failing(new Error('not yet'), 3);
    const it = await world(reconcile);
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(5 + 10 + 20);
    expect(count.times).toBe(4);
    await it.clock.advance(100_000);
    expect([count.times, it.controller.queue.failures('default/a')]).toEqual([4, 0]);
    expect(await it.exposed()).toContain('controller_runtime_reconcile_total{controller="c",result="error"} 3');
  });

  it('for good is left alone until the object changes', async () => {
    const [reconcile, count] = failing(new TerminalError('the spec cannot be met'));
    const it = await world(reconcile);
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(10_000_000);
    expect(count.times).toBe(1);
    it.api.put('a', '2');
    await it.clock.advance(0);
    expect(count.times).toBe(2);
    expect(await it.exposed()).toContain('controller_runtime_terminal_reconcile_errors_total{controller="c"} 2');
  });

  it('because somebody was faster is no error', async () => {
    const [reconcile, count] = failing(new StatusError({ statusCode: 409, reason: 'Conflict', message: 'x' }), 1);
    const it = await world(reconcile);
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(5);
    expect(count.times).toBe(2);
    const body = await it.exposed();
    expect(body).toContain('controller_runtime_reconcile_total{controller="c",result="requeue"} 1');
    expect(body).not.toContain('result="error"');
  });

  it('because the server is busy waits as long as it asks', async () => {
    const [reconcile, count] = failing(new StatusError({ statusCode: 429, message: 'x', retryAfterMs: 7_000 }), 1);
    const it = await world(reconcile);
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(6_999);
    expect(count.times).toBe(1);
    await it.clock.advance(1);
    expect(count.times).toBe(2);
  });

  it('because it took too long is aborted and tried again', async () => {
    const reasons: unknown[] = [];
    const it = await world(
      async (_key, { signal }) => {
        await it.clock.sleep(60_000, signal).catch((reason: unknown) => {
          reasons.push(reason);
          throw reason;
        });
      },
      { reconcileMs: 1_000 },
    );
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(1_000 + 5 + 1_000);
    expect(reasons).toHaveLength(2);
    expect(reasons[0]).toMatchObject({ code: 'request_timeout' });
  });

  it('and does not heed its signal is seen, and its key stays with it', async () => {
    const done = Promise.withResolvers<void>();
    let times = 0;
    const it = await world(
      () => {
        times += 1;
        return done.promise;
      },
      { reconcileMs: 1_000 },
    );
    it.api.put('a', '1');
    await start(it);
    await it.clock.advance(5_000);
    expect([it.controller.overdue, times]).toEqual([['default/a'], 1]);
    done.resolve();
    await it.clock.advance(0);
    expect(it.controller.overdue).toEqual([]);
  });
});

describe('stopping a controller', () => {
  it('lets what runs finish, and drops what waits', async () => {
    const finished: string[] = [];
    const it = await world(
      async (key) => {
        await it.clock.sleep(5_000);
        finished.push(key);
      },
      { workers: 1 },
    );
    it.api.put('a', '1');
    it.api.put('b', '1');
    await start(it);
    const stopped = it.controller.stop(10_000);
    await it.clock.advance(5_000);
    await stopped;
    expect(finished).toEqual(['default/a']);
  });

  it('aborts what runs when the time is up', async () => {
    let reason: unknown;
    const it = await world(async (_key, { signal }) => {
      await it.clock.sleep(60_000, signal).catch((thrown: unknown) => (reason = thrown));
    });
    it.api.put('a', '1');
    await start(it);
    const stopped = it.controller.stop(10_000);
    await it.clock.advance(9_999);
    expect(reason).toBeUndefined();
    await it.clock.advance(1);
    await stopped;
    expect(reason).toBeInstanceOf(FleetError);
    expect(reason).toMatchObject({ code: 'shutting_down' });
  });

  it('does not wait for caches that never filled', async () => {
    const it = await world(() => Promise.resolve());
    it.api.listErrors = Array.from({ length: 100 }, () => new Error('down'));
    await start(it);
    await it.controller.stop();
  });
});

describe('children', () => {
  const owner: KubeObject = {
    apiVersion: 'apps/v1beta1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'a', uid: 'u' },
  };
  const child = (of?: KubeObject): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-0', namespace: 'a', ownerReferences: of ? [ownedBy(of)] : [] },
  });

  it('wake their controller, in whatever version it was named, and no other kind', () => {
    const change = { type: 'added', key: 'a/web-0', object: child(owner) } as const;
    expect(ownerKeys(deployments)(change)).toEqual(['a/web']);
    expect(ownerKeys(pods)(change)).toEqual([]);
  });

  it('that lose their owner wake it once more', () => {
    const change = { type: 'updated', key: 'a/web-0', object: child(), previous: child(owner) } as const;
    expect(ownerKeys(deployments)(change)).toEqual(['a/web']);
  });
});

describe('a change of the spec', () => {
  const at = (generation: number | undefined, labels = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Widget',
    metadata: { name: 'w', generation, labels },
  });
  const keysOf = ofSpec(({ key }) => [key]);
  const woken = (previous: KubeObject, object: KubeObject): readonly string[] =>
    keysOf({ type: 'updated', key: 'w', object, previous });

  it('wakes, and a status or a label does not', () => {
    expect(woken(at(1), at(2))).toEqual(['w']);
    expect(woken(at(1), at(1, { a: 'b' }))).toEqual([]);
    expect(keysOf({ type: 'added', key: 'w', object: at(1) })).toEqual(['w']);
    expect(keysOf({ type: 'deleted', key: 'w', object: at(1) })).toEqual(['w']);
  });

  it('is any change of a kind that counts no generations', () => {
    expect(woken(at(undefined), at(undefined))).toEqual(['w']);
  });
});
