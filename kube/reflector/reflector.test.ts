import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { StatusError } from '../client/status-error.ts';
import { gone, ModelApi, reset } from '../harness/model-api.ts';
import type { ConfigMap } from '../kinds.ts';
import { Reflector } from './reflector.ts';
import type { Change } from './store.ts';

type World = {
  clock: ManualClock;
  api: ModelApi;
  reflector: Reflector<ConfigMap>;
  telemetry: Telemetry;
  changes: Change<ConfigMap>[];
  values: () => Record<string, string>;
  /** Lets everything come to rest, then lets time pass. */
  pass: (ms: number) => Promise<void>;
  metric: (line: RegExp) => Promise<number>;
};

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function world(seed = 1): World {
  const clock = new ManualClock(1_000_000);
  const api = new ModelApi(clock);
  const telemetry = new Telemetry('kube');
  const environment = { clock, rng: seededRng(seed), log: silentLogger, telemetry };
  const reflector = new Reflector({ name: 'maps', source: api }, environment);
  const changes: Change<ConfigMap>[] = [];
  reflector.subscribe((change) => changes.push(change));
  stops.push(() => reflector.stop());
  return {
    clock,
    api,
    reflector,
    telemetry,
    changes,
    values: () => Object.fromEntries(reflector.cache.list().map((o) => [o.metadata.name, o.data?.['value'] ?? ''])),
    pass: async (ms) => {
      await clock.advance(0);
      await clock.advance(ms);
    },
    metric: async (line) => Number(line.exec((await telemetry.expose()).body)?.[1] ?? 0),
  };
}

async function synced(it: World): Promise<void> {
  it.reflector.start();
  await it.reflector.synced;
  await it.clock.advance(0);
}

describe('a cache that follows the API server', () => {
  it('lists what is there, then follows from that moment', async () => {
    const it = world();
    it.api.put('a', '1');
    await synced(it);
    expect(it.values()).toEqual({ a: '1' });
    expect([it.api.lists, it.api.watchesFrom]).toEqual([1, ['101']]);
    it.api.put('a', '2');
    it.api.put('b', '1');
    it.api.remove('a');
    await it.clock.advance(0);
    expect(it.values()).toEqual({ b: '1' });
    expect(it.changes.map(({ type, key }) => `${type} ${key}`)).toEqual([
      'added default/a',
      'updated default/a',
      'added default/b',
      'deleted default/a',
    ]);
  });

  it('keeps of an object what it was told to, from lists and from watches', async () => {
    const clock = new ManualClock(1_000_000);
    const api = new ModelApi(clock);
    const environment = { clock, rng: seededRng(1), log: silentLogger };
    const keep = ({ apiVersion, kind, metadata }: ConfigMap): ConfigMap => ({ apiVersion, kind, metadata });
    const reflector = new Reflector({ name: 'maps', source: api, keep }, environment);
    stops.push(() => reflector.stop());
    api.put('a', '1');
    reflector.start();
    await reflector.synced;
    api.put('b', '1');
    await clock.advance(0);
    expect(reflector.cache.list().map(({ metadata, data }) => [metadata.name, data])).toEqual([
      ['a', undefined],
      ['b', undefined],
    ]);
    expect(reflector.cache.list().every(({ metadata }) => Object.isFrozen(metadata))).toBe(true);
  });

  it('is up to date before a handler hears of a change, and a handler that throws harms nobody', async () => {
    const it = world();
    const seen: (string | undefined)[] = [];
    it.reflector.subscribe(() => {
      throw new Error('a bug in a handler');
    });
    it.reflector.subscribe(({ key }) => seen.push(it.reflector.cache.get(key)?.data?.['value']));
    await synced(it);
    it.api.put('a', '1');
    it.api.put('a', '2');
    await it.clock.advance(0);
    expect(seen).toEqual(['1', '2']);
  });

  it('tells a late handler of what is there', async () => {
    const it = world();
    it.api.put('a', '1');
    await synced(it);
    const seen: string[] = [];
    const leave = it.reflector.subscribe(({ type, key }) => seen.push(`${type} ${key}`));
    leave();
    it.api.put('b', '1');
    await it.clock.advance(0);
    expect(seen).toEqual(['added default/a']);
  });

  it('drops managed fields, and freezes what it shares', async () => {
    const it = world();
    it.api.put('a', '1');
    await synced(it);
    const object = it.reflector.cache.get('default/a');
    expect(object?.metadata.managedFields).toBeUndefined();
    expect(Object.isFrozen(object?.data)).toBe(true);
  });
});

describe('a watch that breaks', () => {
  it('resumes where it was after a reset, with a pause', async () => {
    const it = world();
    await synced(it);
    it.api.put('a', '1');
    await it.clock.advance(0);
    it.api.endWatches(reset());
    await it.pass(399);
    expect(it.api.watchesFrom).toEqual(['100']);
    it.api.put('b', '1');
    await it.pass(401);
    expect(it.api.watchesFrom).toEqual(['100', '101']);
    expect(it.values()).toEqual({ a: '1', b: '1' });
    expect(it.api.lists).toBe(1);
  });

  it('resumes at once when the server ended it as agreed', async () => {
    const it = world();
    await synced(it);
    await it.pass(61_000);
    it.api.endWatches();
    await it.clock.advance(0);
    expect(it.api.watchesFrom).toEqual(['100', '100']);
  });

  it('lists again after 410, and tells what changed meanwhile', async () => {
    const it = world();
    it.api.put('a', '1');
    it.api.put('b', '1');
    await synced(it);
    it.changes.length = 0;
    it.api.deaf = true;
    it.api.remove('a');
    it.api.put('b', '2');
    it.api.put('c', '1');
    it.api.compact();
    it.api.endWatches(reset());
    await it.pass(3_000);
    expect(it.api.lists).toBe(2);
    expect(it.changes.map(({ type, key }) => `${type} ${key}`).sort()).toEqual([
      'added default/c',
      'deleted default/a',
      'updated default/b',
    ]);
    expect(await it.metric(/reflector_relists_total\{name="maps",reason="gone"\} (\d+)/)).toBe(1);
  });

  it('lists again after an error event that says 410', async () => {
    const it = world();
    await synced(it);
    it.api.send(JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }));
    await it.pass(1_000);
    expect(it.api.lists).toBe(2);
  });

  it.each(['{"type":"ADDED","obj', '{"type":"ADDED","object":{"metadata":{}}}', '{"type":"NEW"}', 'null'])(
    'lists again after a line that cannot be read: %s',
    async (line) => {
      const it = world();
      await synced(it);
      it.api.deaf = true;
      it.api.put('a', '1');
      it.api.send(line);
      await it.pass(1_000);
      expect(it.values()).toEqual({ a: '1' });
      expect(await it.metric(/reflector_malformed_events_total\{name="maps"\} (\d+)/)).toBe(1);
    },
  );

  it('waits longer each time while the server is down, never more than 30 s, and as long as it asks', async () => {
    const it = world();
    it.api.listErrors = Array.from({ length: 200 }, reset);
    it.reflector.start();
    await it.pass(600_000);
    expect(it.api.lists).toBeGreaterThan(600 / 30);
    expect(it.api.lists).toBeLessThan(600 / 15 + 10);
    it.api.listErrors = [new StatusError({ statusCode: 429, message: 'slow down', retryAfterMs: 120_000 })];
    await it.pass(30_000);
    const asked = it.api.lists;
    await it.pass(89_000);
    expect(it.api.lists).toBe(asked);
    await it.pass(31_000);
    expect(it.reflector.hasSynced).toBe(true);
  });

  it('is resumed as quickly as the first time, once the server has spoken again', async () => {
    const it = world();
    await synced(it);
    it.api.watchErrors = Array.from({ length: 8 }, reset);
    it.api.endWatches(reset());
    await it.pass(200_000);
    it.api.put('a', '1');
    await it.pass(0);
    const watches = it.api.watchesFrom.length;
    it.api.endWatches(reset());
    await it.pass(801);
    expect(it.api.watchesFrom.length).toBe(watches + 1);
  });

  it('is noticed when it says nothing more, though it looks open', async () => {
    const it = world();
    await synced(it);
    it.api.silence();
    it.api.put('a', '1');
    await it.pass(74_000);
    expect(it.values()).toEqual({});
    await it.pass(18_000);
    expect(it.values()).toEqual({ a: '1' });
    expect(it.reflector.silentMs).toBeLessThan(20_000);
  });

  it('is left alone as long as bookmarks come', async () => {
    const it = world();
    await synced(it);
    await it.pass(500_000);
    expect(it.api.watchesFrom).toHaveLength(1);
  });

  it('lists again when it is silent twice: the version may be from another time', async () => {
    const it = world();
    await synced(it);
    it.api.silence();
    await it.pass(91_000);
    it.api.silence();
    await it.pass(95_000);
    expect(it.api.lists).toBe(2);
  });
});

describe('a refresh', () => {
  it('ends a watch that nothing comes from, and is over when the cache is as new as the server', async () => {
    const it = world();
    it.api.put('kept', '1');
    await synced(it);
    it.api.silence();
    it.api.put('kept', '2');
    it.api.put('new', '1');
    await it.reflector.refresh();
    expect(it.values()).toEqual({ kept: '2', new: '1' });
    expect(it.api.lists).toBe(2);
    it.api.put('later', '1');
    await it.clock.advance(0);
    expect(it.values()).toMatchObject({ later: '1' });
    expect(it.api.openWatches).toBe(1);
  });

  it('is not over with a list that failed, and needs no watch to end', async () => {
    const it = world();
    await synced(it);
    it.api.listErrors = [reset(), reset()];
    let over = false;
    const refreshed = it.reflector.refresh().then(() => (over = true));
    await it.clock.advance(0);
    it.api.put('a', '1');
    expect(over).toBe(false);
    await it.pass(10_000);
    await refreshed;
    expect(it.values()).toEqual({ a: '1' });
  });

  it('is over with the first list where there was none', async () => {
    const it = world();
    it.api.put('a', '1');
    it.reflector.start();
    await it.reflector.refresh();
    expect(it.values()).toEqual({ a: '1' });
  });

  it('is given up with the reflector', async () => {
    const it = world();
    await synced(it);
    it.api.listErrors = [reset()];
    const refused = expect(it.reflector.refresh()).rejects.toMatchObject({ code: 'cancelled' });
    await it.clock.advance(0);
    await it.reflector.stop();
    await refused;
    await expect(it.reflector.refresh()).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('an audit', () => {
  it('finds what the watch did not tell, counts it and mends it', async () => {
    const it = world();
    it.api.put('kept', '1');
    it.api.put('lost', '1');
    await synced(it);
    it.api.deaf = true;
    it.api.put('new', '1');
    it.api.put('kept', '2');
    it.api.remove('lost');
    it.api.deaf = false;
    await it.pass(680_000);
    expect(it.values()).toEqual({ kept: '2', new: '1' });
    expect(await it.metric(/reflector_missed_events_total\{name="maps"\} (\d+)/)).toBe(3);
    expect(await it.metric(/reflector_relists_total\{name="maps",reason="missed"\} (\d+)/)).toBe(1);
  });

  it('finds nothing wrong with a busy watch', async () => {
    const it = world();
    await synced(it);
    for (let second = 0; second < 1_500; second += 1) {
      it.api.put(`o${second % 7}`, String(second));
      if (second % 5 === 0) it.api.remove(`o${second % 3}`);
      await it.pass(1_000);
    }
    expect(await it.metric(/reflector_missed_events_total\{name="maps"\} (\d+)/)).toBe(0);
    expect(await it.metric(/reflector_relists_total\{name="maps",reason="audit"\} (\d+)/)).toBeGreaterThan(0);
    expect(it.api.watchesFrom).toHaveLength(1);
  });
});

describe('stopping', () => {
  it('ends the watch, tells nothing more, and says so to who waits for the first list', async () => {
    const early = world();
    early.api.listErrors = [reset()];
    early.reflector.start();
    await early.reflector.stop();
    await expect(early.reflector.synced).rejects.toMatchObject({ code: 'cancelled' });

    const it = world();
    await synced(it);
    await it.reflector.stop();
    it.api.put('a', '1');
    await it.pass(100_000);
    expect([it.api.openWatches, it.changes]).toEqual([0, []]);
  });
});

type Step = (it: World) => void | Promise<void>;
const name = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(name, fc.string({ maxLength: 3 })).map(
      ([n, v]): Step =>
        ({ api }) =>
          api.put(n, v),
    ),
  },
  {
    weight: 3,
    arbitrary: name.map(
      (n): Step =>
        ({ api }) =>
          api.remove(n),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.nat(120_000).map(
      (ms): Step =>
        ({ pass }) =>
          pass(ms),
    ),
  },
  fc.constantFrom<Step[]>(
    ({ api }) => api.endWatches(),
    ({ api }) => api.endWatches(reset()),
    ({ api }) => api.endWatches(gone()),
    ({ api }) => api.compact(),
    ({ api }) => api.silence(),
    ({ api }) => api.send('not json'),
    ({ api }) => void (api.deaf = !api.deaf),
    ({ api }) => void (api.duplicating = !api.duplicating),
    ({ api }) => void api.listErrors.push(reset(), gone()),
    ({ api }) => void api.watchErrors.push(reset(), new StatusError({ statusCode: 500, message: 'no' })),
  ),
);

describe('whatever happens', () => {
  it('the cache ends equal to the server, and who followed the changes has the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
        const it = world(seed);
        const followed = new Map<string, string>();
        it.reflector.subscribe((change) => {
          if (change.type === 'deleted') followed.delete(change.object.metadata.name);
          else followed.set(change.object.metadata.name, change.object.data?.['value'] ?? '');
        });
        it.reflector.start();
        for (const take of steps) await take(it);
        it.api.deaf = false;
        it.api.listErrors = [];
        it.api.watchErrors = [];
        await it.pass(1_500_000);
        const wanted = Object.fromEntries([...it.api.objects].map(([n, o]) => [n, o.data?.['value'] ?? '']));
        expect(it.values()).toEqual(wanted);
        expect(Object.fromEntries(followed)).toEqual(wanted);
        await it.reflector.stop();
        expect(it.api.openWatches).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
