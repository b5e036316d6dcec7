import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ManualClock } from '@qwenfleet/core/clock';
import { runtimeConfigSchema } from '@qwenfleet/core/fleet/runtime-config';
import { silentLogger } from '@qwenfleet/core/log';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { fixture, isAlive, scratchFolder, until } from '../harness/processes.ts';
import { Replica } from './replica.ts';

const config = runtimeConfigSchema.parse({
  servedName: 'small',
  model: { uri: 'file:///model.gguf' },
  cacheDir: '/cache',
  drain: { graceMs: 5_000 },
});

type Scene = { replica: Replica; clock: ManualClock; stateDir: string; changes: () => number };

const running: Replica[] = [];
afterEach(() => {
  for (const replica of running.splice(0)) replica.kill();
});

function start(program: string, chance = 0): Scene {
  const clock = new ManualClock();
  const stateDir = scratchFolder(onTestFinished);
  let changes = 0;
  const replica = new Replica({
    id: 'small-1',
    entry: fixture(program),
    stateDir,
    config,
    clock,
    rng: () => chance,
    log: silentLogger,
    onChange: () => (changes += 1),
    onRestart: () => undefined,
  });
  running.push(replica);
  return { replica, clock, stateDir, changes: () => changes };
}

const reaches = (replica: Replica, state: Replica['view']['state']): Promise<void> =>
  until(() => replica.view.state === state, `${state}, last ${JSON.stringify(replica.view)}`);

/** Waits until it has ended so often and waits for its next start. */
async function ends(replica: Replica, times: number): Promise<void> {
  await until(() => replica.restarts === times && replica.view.state === 'waiting', `end number ${times}`);
}

describe('a replica that starts', () => {
  it('answers from the moment that it says so, and not before', async () => {
    const { replica, changes } = start('ready');
    expect(replica.view).toEqual({ state: 'starting', progress: undefined, failure: undefined });
    expect(replica.endpoint).toBeUndefined();
    await reaches(replica, 'ready');
    expect(replica.endpoint).toEqual({ id: 'small-1.1', url: expect.stringMatching(/^http:/), state: 'ready' });
    expect(await (await fetch(replica.endpoint?.url ?? '')).text()).toBe(String(replica.pid));
    expect(changes()).toBe(2);
  });

  it('says how far it is, and has no address while it is not ready', async () => {
    const { replica } = start('slow');
    await until(() => replica.view.progress !== undefined, 'progress');
    expect(replica.view).toMatchObject({
      state: 'starting',
      progress: { phase: 'downloading model.gguf', done: 30, total: 120 },
    });
    expect(replica.endpoint).toBeUndefined();
  });

  it('is told what to serve in a file that only its owner reads', async () => {
    const { stateDir } = start('slow');
    const file = path.join(stateDir, 'runtime-small-1.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(runtimeConfigSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).toEqual(config);
  });
});

describe('a replica that ends by itself', () => {
  it('is started again at once, under an id that the router has not seen', async () => {
    const { replica, clock } = start('ready');
    await reaches(replica, 'ready');
    const { pid, endpoint } = replica;
    process.kill(pid ?? 0, 'SIGKILL');
    await ends(replica, 1);
    expect(replica.endpoint).toBeUndefined();
    expect(replica.view.failure).toBeUndefined();
    await clock.advance(0);
    await reaches(replica, 'ready');
    expect(replica.endpoint?.id).toBe('small-1.2');
    expect(replica.endpoint?.url).not.toBe(endpoint?.url);
    expect(replica.pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  });

  it('again soon waits a little, and after a good minute not at all', async () => {
    const { replica, clock } = start('ready');
    const killReady = async (times: number): Promise<void> => {
      await reaches(replica, 'ready');
      process.kill(replica.pid ?? 0, 'SIGKILL');
      await ends(replica, times);
    };
    await killReady(1);
    await clock.advance(0);
    await killReady(2);
    await clock.advance(249);
    expect(replica.view.state).toBe('waiting');
    await clock.advance(1);
    await reaches(replica, 'ready');
    await clock.advance(60_001);
    await killReady(3);
    await clock.advance(0);
    await reaches(replica, 'ready');
    expect(replica.endpoint?.id).toBe('small-1.4');
  });

  it.each([
    ['the least', 0, [250, 500, 1_000, 2_000]],
    ['nearly the most', 1 - 2 ** -20, [500, 1_000, 2_000, 4_000]],
  ])(
    'before it was ready is tried again after twice as long each time, with %s of chance',
    async (_, chance, waits) => {
      const { replica, clock } = start('crashing', chance);
      for (const [at, waitMs] of waits.entries()) {
        await ends(replica, at + 1);
        await clock.advance(waitMs - 1);
        expect(replica.view.state).toBe('waiting');
        await clock.advance(1);
        expect(replica.view.state).toBe('starting');
      }
    },
  );

  it('without a word is reported with how it ended', async () => {
    const { replica } = start('crashing');
    await ends(replica, 1);
    expect(replica.view.failure).toEqual({
      code: 'engine_failed',
      message: 'the process ended while it started (exit code 3)',
    });
  });

  it('in the middle of a download is no longer said to download', async () => {
    const { replica } = start('slow');
    await until(() => replica.view.progress !== undefined, 'progress');
    process.kill(replica.pid ?? 0, 'SIGKILL');
    await ends(replica, 1);
    expect(replica.view).toEqual({
      state: 'waiting',
      progress: undefined,
      failure: { code: 'engine_failed', message: 'the process ended while it started (SIGKILL)' },
    });
  });

  it('with a reason is reported with that reason, and next time with the next', async () => {
    const { replica, clock } = start('failing');
    await ends(replica, 1);
    expect(replica.view.failure).toEqual({ code: 'source_not_found', message: 'there is no such model' });
    await clock.advance(500);
    expect(replica.view.failure?.code).toBe('source_not_found');
    await ends(replica, 2);
    expect(replica.view.failure).toEqual({
      code: 'engine_failed',
      message: 'the process ended while it started (exit code 4)',
    });
  });
});

describe('a replica that is let go', () => {
  it('finishes what it runs, still known as draining, and does not come back', async () => {
    const { replica, clock, stateDir } = start('busy');
    await reaches(replica, 'ready');
    const { pid } = replica;
    const drained = replica.drain();
    expect(replica.endpoint).toMatchObject({ id: 'small-1.1', state: 'draining' });
    await drained;
    expect(existsSync(path.join(stateDir, 'runtime-small-1.json.finished'))).toBe(true);
    expect(isAlive(pid)).toBe(false);
    await clock.advance(120_000);
    expect([replica.restarts, replica.pid]).toEqual([0, pid]);
  });

  it('while it starts does not become ready any more', async () => {
    const { replica } = start('ready');
    await replica.drain();
    expect(replica.view.state).toBe('draining');
    expect(isAlive(replica.pid)).toBe(false);
  });

  it('while it waits for its next start does not start', async () => {
    const { replica, clock } = start('crashing');
    await ends(replica, 1);
    const { pid } = replica;
    await replica.drain();
    await clock.advance(120_000);
    expect(replica.pid).toBe(pid);
  });

  it('is ended within the time although it ignores every request', async () => {
    const { replica } = start('stubborn');
    await reaches(replica, 'ready');
    await replica.stop(50);
    expect(isAlive(replica.pid)).toBe(false);
    expect(replica.restarts).toBe(0);
  });

  it('is gone at once when it is killed', async () => {
    const { replica, clock } = start('stubborn');
    await reaches(replica, 'ready');
    replica.kill();
    await until(() => !isAlive(replica.pid), 'the end');
    await clock.advance(120_000);
    expect(replica.restarts).toBe(0);
  });
});
