import { ManualClock } from '@qwenfleet/core/clock';
import type { FromChild, ToChild } from '@qwenfleet/core/fleet/channel';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import { routerConfigSchema, type RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { silentLogger } from '@qwenfleet/core/log';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { fixture, isAlive, scratchFolder, until } from '../harness/processes.ts';
import { RouterProcess } from './router-process.ts';

const configOf = (name: string): RouterConfig =>
  routerConfigSchema.parse({
    name,
    listen: { port: 0 },
    pools: [
      {
        name: 'small',
        tier: 'small',
        upstreamModel: 'small',
        engine: 'qwen',
        contextLength: 64,
        costPerToken: 1,
        concurrency: 1,
      },
    ],
  });

const running: RouterProcess[] = [];
afterEach(() => {
  for (const router of running.splice(0)) router.kill();
});

type Scene = {
  router: RouterProcess;
  clock: ManualClock;
  heard: FromChild[];
  gone: () => number;
  tell: (ready: number) => void;
};

function start(program = 'router', name = 'router'): Scene {
  const clock = new ManualClock();
  const heard: FromChild[] = [];
  let gone = 0;
  let snapshot: EndpointSnapshot = { generation: 0, pools: {} };
  const router = new RouterProcess({
    entry: fixture(program),
    stateDir: scratchFolder(onTestFinished),
    config: configOf(name),
    clock,
    rng: () => 0,
    log: silentLogger,
    snapshot: () => snapshot,
    onMessage: (message) => heard.push(message),
    onGone: () => (gone += 1),
  });
  running.push(router);
  const tell = (generation: number): void => {
    snapshot = { generation, pools: {} };
    router.publish();
  };
  return { router, clock, heard, gone: () => gone, tell };
}

/** What the router's process was told so far. */
const toldTo = async (url: string): Promise<ToChild[]> => (await (await fetch(url)).json()) as ToChild[];

describe('the router’s process', () => {
  it('is told its configuration first, then where the servers are, then every change', async () => {
    const { router, tell } = start();
    const url = await router.listening();
    expect(router.url).toBe(url);
    tell(1);
    await until(async () => (await toldTo(url)).length === 3, 'three messages');
    expect(await toldTo(url)).toMatchObject([
      { type: 'config', config: { name: 'router' } },
      { type: 'endpoints', snapshot: { generation: 0 } },
      { type: 'endpoints', snapshot: { generation: 1 } },
    ]);
  });

  it('passes on what it says', async () => {
    const { router, heard } = start();
    const url = await router.listening();
    await fetch(`${url}/say`, { method: 'POST', body: JSON.stringify({ type: 'wake', pool: 'small' }) });
    await until(() => heard.some(({ type }) => type === 'wake'), 'the word');
    expect(heard).toContainEqual({ type: 'wake', pool: 'small' });
  });

  it('that ends comes back at once on the same port, and is told everything again', async () => {
    const { router, clock, gone, tell } = start();
    const url = await router.listening();
    const { pid } = router;
    tell(7);
    await fetch(`${url}/exit`, { method: 'POST' }).catch(() => undefined);
    await until(() => router.restarts === 1, 'the end is seen');
    expect([router.url, gone()]).toEqual([undefined, 1]);
    await clock.advance(0);
    await until(() => router.url !== undefined, 'it listens');
    expect(router.url).toBe(url);
    expect(router.pid).not.toBe(pid);
    expect(await toldTo(url)).toMatchObject([
      { type: 'config', config: { listen: { port: Number(new URL(url).port) } } },
      { type: 'endpoints', snapshot: { generation: 7 } },
    ]);
  });

  it('that was killed with -9 comes back as often as it takes', async () => {
    const { router, clock } = start();
    const url = await router.listening();
    for (const times of [1, 2, 3]) {
      process.kill(router.pid ?? 0, 'SIGKILL');
      await until(() => router.restarts === times, `end number ${times}`);
      await clock.advance(0);
      await until(() => router.url === url, 'it listens');
    }
  });

  it('that cannot listen says why to whoever waits', async () => {
    const { router } = start('router', 'refusing');
    await expect(router.listening()).rejects.toThrow('the router cannot listen: its port is taken');
  });

  it('that ends before it listens is tried after longer and longer waits, and is given up on', async () => {
    const { router, clock } = start('crashing');
    for (const [at, waitMs] of [0, 100, 200, 400].entries()) {
      await until(() => router.restarts === at + 1, `end number ${at + 1}`);
      const { pid } = router;
      await clock.advance(Math.max(0, waitMs - 1));
      if (waitMs > 0) expect(router.pid).toBe(pid);
      await clock.advance(1);
      await until(() => router.pid !== pid, `start number ${at + 2}`);
    }
    await expect(router.listening()).rejects.toThrow('the router ended 3 times before it listened (exit code 3)');
  });

  it('that is no program is given up on with what Node said of it', async () => {
    const { router, clock } = start('no-such-router');
    for (const times of [1, 2, 3]) {
      await until(() => router.restarts === times, `end number ${times}`);
      await clock.advance(1_000);
    }
    await expect(router.listening()).rejects.toThrow(/Cannot find module.*no-such-router/);
  });

  it.each(['stop', 'kill'] as const)('does not come back after %s', async (how) => {
    const { router, clock, gone } = start();
    await router.listening();
    const { pid } = router;
    if (how === 'stop') await router.stop(60_000);
    else router.kill();
    await until(() => !isAlive(pid), 'the end');
    await clock.advance(60_000);
    expect([router.pid, router.restarts, gone()]).toEqual([pid, 0, 0]);
  });
});
