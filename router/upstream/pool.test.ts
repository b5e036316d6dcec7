import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { poolReportSchema } from '@qwenfleet/core/load/pool-report';
import { countOf } from '@qwenfleet/core/load/histogram';
import { seededRng } from '@qwenfleet/core/rng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointsOf, poolOf, turns, type Server } from '../harness/router.ts';
import type { Affinity } from '../policy/affinity.ts';
import { UpstreamPool, type Lease } from './pool.ts';

const answered = { kind: 'answered' } as const;
const broken = { kind: 'broken' } as const;
const signal = new AbortController().signal;

function started(settings: Record<string, unknown> = {}, servers: readonly Server[] = []) {
  const clock = new ManualClock();
  let wakes = 0;
  const pool = new UpstreamPool(poolOf(settings), { clock, rng: seededRng(7), onWake: () => (wakes += 1) });
  if (servers.length > 0) pool.update(endpointsOf(servers));
  const acquire = (tried?: ReadonlySet<string>): Promise<Lease> =>
    pool.acquire({ bytes: 10, signal, ...(tried ? { tried } : {}) });
  /** What has become of a request by now. */
  const watch = (promise: Promise<Lease>): { lease?: Lease; error?: FleetError } => {
    const seen: { lease?: Lease; error?: FleetError } = {};
    promise.then(
      (lease) => (seen.lease = lease),
      (error: FleetError) => (seen.error = error),
    );
    return seen;
  };
  return { clock, pool, acquire, watch, wakes: () => wakes };
}

const [a, b, c] = ['http://a', 'http://b', 'http://c'];

describe('a pool with replicas', () => {
  it('spreads requests, and no replica gets more than it answers at once', async () => {
    const { acquire, watch } = started({ concurrency: 2 }, [a, b]);
    const leases = await Promise.all([acquire(), acquire(), acquire(), acquire()]);
    expect(leases.map(({ url }) => url).toSorted()).toEqual([a, a, b, b]);
    const fifth = watch(acquire());
    await turns();
    expect(fifth.lease).toBeUndefined();
    leases[1]?.release(answered);
    await turns();
    expect(fifth.lease?.url).toBe(leases[1]?.url);
  });

  it('sends nothing new to one that drains, and lets it finish', async () => {
    const { pool, acquire } = started({}, [a]);
    const running = await acquire();
    pool.update(endpointsOf([{ url: a, state: 'draining' }, b]));
    expect((await acquire()).url).toBe(b);
    running.release(answered);
    expect(pool.report.inFlight).toBe(1);
  });

  it('takes an address with or without the path that clients call the base', async () => {
    const { acquire } = started({ concurrency: 1 }, ['http://a/', 'http://b/v1', 'http://c/v1/']);
    const urls = (await Promise.all([acquire(), acquire(), acquire()])).map(({ url }) => url);
    expect(urls).toEqual([a, b, c]);
  });

  it('asks another one after a failure while there is one', async () => {
    const { acquire } = started({ concurrency: 4 }, [a, b]);
    expect((await acquire(new Set([a]))).url).toBe(b);
    expect((await acquire(new Set([a]))).url).toBe(b);
    expect((await acquire(new Set([a, b]))).url).toBe(a);
  });

  it('leaves one alone whose streams wait while it says nothing, as long as there is another', async () => {
    const { clock, pool } = started({ concurrency: 8 }, [a, b]);
    const ask = (): Promise<Lease> => pool.acquire({ bytes: 1, signal, stream: true });
    const next = async (): Promise<string> => {
      const lease = await ask();
      lease.began();
      lease.release(answered);
      return lease.url;
    };
    const [hanging, running] = [await ask(), await ask()];
    expect([hanging.url, running.url]).toEqual([a, b]);
    running.began();
    const more = [await ask(), await ask()];
    expect(more.map(({ url }) => url)).toEqual([a, b]);
    more[1]?.release(answered);
    await clock.advance(2_001);
    running.heard();
    const third = await ask();
    third.began();
    expect([third.url, await next(), await next()]).toEqual([b, b, b]);
    hanging.began();
    more[0]?.release(answered);
    expect(await next()).toBe(a);
  });

  it('leaves one alone that falls silent in the middle of its streams, unless their clients do not read', async () => {
    const { clock, pool } = started({ concurrency: 8 }, [a, b]);
    const ask = (): Promise<Lease> => pool.acquire({ bytes: 1, signal, stream: true });
    const [first, second] = [await ask(), await ask()];
    first.began();
    second.began();
    first.awaits();
    await clock.advance(2_001);
    // The second has said nothing either: nobody has asked it to.
    const more = [await ask(), await ask()];
    expect(more.map(({ url }) => url)).toEqual([b, b]);
    for (const lease of more) lease.release(answered);
    first.heard();
    expect((await ask()).url).toBe(a);
  });

  it('leaves one alone whose streams begin many times later than those of the others, and asks it again later', async () => {
    const { clock, pool } = started({ concurrency: 64 }, [a, b, c]);
    const round = async (): Promise<string[]> => {
      const leases = await Promise.all([1, 2, 3].map(() => pool.acquire({ bytes: 1, signal, stream: true })));
      for (const lease of leases) {
        const ms = lease.url === b ? 1_500 : 150;
        void clock.sleep(ms).then(() => {
          lease.began();
          lease.release(answered);
        });
      }
      await clock.advance(1_500);
      return leases.map(({ url }) => url);
    };
    for (let turn = 0; turn < 5; turn += 1) expect((await round()).toSorted()).toEqual([a, b, c]);
    for (let turn = 0; turn < 6; turn += 1) expect(await round()).not.toContain(b);
    await clock.advance(10_000);
    expect(await round()).toContain(b);
    expect(await round()).not.toContain(b);
  });

  it('asks the silent where everybody is', async () => {
    const { clock, pool } = started({ concurrency: 2 }, [a]);
    await pool.acquire({ bytes: 1, signal, stream: true });
    await clock.advance(60_000);
    expect((await pool.acquire({ bytes: 1, signal, stream: true })).url).toBe(a);
  });

  it('expects no early word of an answer that comes whole', async () => {
    const { clock, pool, acquire } = started({ concurrency: 8 }, [a, b]);
    const whole = await acquire();
    await clock.advance(60_000);
    const [second, third] = [await acquire(), await acquire()];
    expect([whole.url, second.url, third.url]).toEqual([a, b, a]);
    expect(pool.report.inFlight).toBe(3);
  });

  it('sends a retry to the failed one rather than nowhere', async () => {
    const { acquire } = started({ concurrency: 1 }, [a, b]);
    const running = await acquire(new Set([a]));
    expect(running.url).toBe(b);
    expect((await acquire(new Set([a]))).url).toBe(a);
  });

  it('counts a place once, however often it is given back', async () => {
    const { pool, acquire } = started({}, [a]);
    const lease = await acquire();
    lease.release(answered);
    lease.release(broken);
    expect(pool.report).toMatchObject({ inFlight: 0, requestsTotal: 1, errorsTotal: 0 });
  });
});

describe('a request that belongs with others', () => {
  const byPrefix = { routing: { strategy: 'PrefixHash' } };
  const keys = { shared: 1, own: 2 };
  const affinity: Affinity = { session: undefined, prompt: () => keys };
  const ask = (pool: UpstreamPool, more: Partial<Affinity> = {}): Promise<Lease> =>
    pool.acquire({ bytes: 1, signal, affinity: { ...affinity, ...more } });

  it('goes to the replica of those, and beyond its share of the load to the next', async () => {
    const { pool } = started({ ...byPrefix, concurrency: 4 }, [a, b, c]);
    const first = await ask(pool);
    first.release(answered);
    const homes: string[] = [];
    for (let request = 0; request < 6; request += 1) homes.push((await ask(pool)).url);
    expect(homes[0]).toBe(first.url);
    // At most 1.25 times the mean of six over three, rounded up.
    for (const url of [a, b, c]) expect(homes.filter((home) => home === url).length).toBeLessThanOrEqual(3);
    expect(homes.filter((home) => home === first.url).length).toBe(3);
  });

  it('is told apart from others where one replica is as good as another', async () => {
    let looked = 0;
    const prompt = (): typeof keys => ((looked += 1), keys);
    for (const { pool } of [started({}, [a, b]), started(byPrefix, [a]), started(byPrefix, [a, b])])
      (await ask(pool, { prompt })).release(answered);
    // Only where it makes a difference.
    expect(looked).toBe(1);
  });

  it('finds its replica after it was held', async () => {
    const { pool, watch } = started({ ...byPrefix, concurrency: 4 });
    pool.update(endpointsOf([], { wakeable: true }));
    const held = [watch(ask(pool))];
    pool.update(endpointsOf([a, b, c]));
    await turns();
    held[0]?.lease?.release(answered);
    expect((await ask(pool)).url).toBe(held[0]?.lease?.url);
  });
});

describe('a replica that joins others', () => {
  it('gets little at first, so that its caches fill before its queue does', async () => {
    const { pool, acquire, clock } = started({ concurrency: 32 }, [a, b]);
    for (let request = 0; request < 8; request += 1) await acquire();
    pool.update(endpointsOf([a, b, c]));
    const next = async (count: number): Promise<string[]> =>
      (await Promise.all(Array.from({ length: count }, () => acquire()))).map(({ url }) => url);
    // One to begin with, and no other before the others have ten times as many.
    expect((await next(9)).filter((url) => url === c)).toEqual([c]);
    await clock.advance(30_000);
    expect(await next(7)).toEqual([c, c, c, c, c, c, c]);
  });

  it('gets all that it can answer where the others are full', async () => {
    const { pool, acquire } = started({ concurrency: 2 }, [a]);
    await Promise.all([acquire(), acquire()]);
    pool.update(endpointsOf([a, b]));
    expect((await Promise.all([acquire(), acquire()])).map(({ url }) => url)).toEqual([b, b]);
  });
});

describe('a pool at zero', () => {
  const asleep = endpointsOf([], { wakeable: true });

  it('is woken, holds the request, and answers when a replica is there', async () => {
    const { pool, acquire, watch, wakes } = started();
    pool.update(asleep);
    const held = watch(acquire());
    await turns();
    expect([wakes(), pool.report.held, pool.status]).toEqual([1, 1, 'starting']);
    pool.update(endpointsOf([a]));
    await turns();
    expect(held.lease?.url).toBe(a);
  });

  it('releases no more than the replica answers at once, in the order in which they came', async () => {
    const { pool, acquire, watch } = started({ concurrency: 2 });
    pool.update(asleep);
    const held = Array.from({ length: 5 }, () => watch(acquire()));
    pool.update(endpointsOf([a]));
    for (let round = 0; round < 4; round += 1) {
      await turns();
      const places = held.map(({ lease }) => lease !== undefined);
      expect(places).toEqual(held.map((_, at) => at < round + 2));
      held[round]?.lease?.release(answered);
    }
  });

  it('gives up after its hold time with 503 and how long a start takes', async () => {
    const { pool, acquire, watch, clock } = started({ hold: { timeoutMs: 5_000 } });
    pool.update(asleep);
    const held = watch(acquire());
    await clock.advance(4_999);
    expect(held.error).toBeUndefined();
    await clock.advance(1);
    expect(held.error).toMatchObject({ code: 'pool_unavailable', status: 503, retryable: true });
    expect(held.error?.retryAfterMs).toBeGreaterThan(0);
  });

  it('that may not be woken refuses at once, and says so', async () => {
    const { pool, acquire, watch, wakes } = started();
    pool.update(endpointsOf([], { problem: 'the pool is suspended' }));
    const refused = watch(acquire());
    await turns();
    expect(refused.error).toMatchObject({ code: 'pool_unavailable', retryable: false });
    expect(refused.error?.message).toContain('the pool is suspended');
    expect([wakes(), pool.status, pool.problem]).toEqual([0, 'unavailable', 'the pool is suspended']);
  });

  it('tells those that wait when its start turns out to be hopeless', async () => {
    const { pool, acquire, watch } = started();
    pool.update(asleep);
    const held = watch(acquire());
    pool.update(endpointsOf([], { problem: 'the weights are truncated' }));
    await turns();
    expect(held.error?.message).toContain('the weights are truncated');
  });

  it('learns how long a start takes', async () => {
    const { pool, clock } = started();
    pool.update(endpointsOf([], { starting: 1 }));
    const guessMs = pool.waitMs;
    await clock.advance(1_000);
    pool.update(endpointsOf([a]));
    pool.update(endpointsOf([], { wakeable: true }));
    expect(pool.waitMs).toBe((guessMs + 1_000) / 2);
  });
});

describe('a pool that is full', () => {
  it('answers 429 after its queue time, with when to come back', async () => {
    const { acquire, watch, clock } = started({ concurrency: 1, saturation: { queueTimeoutMs: 3_000 } }, [a]);
    await acquire();
    const waiting = watch(acquire());
    await clock.advance(2_999);
    expect(waiting.error).toBeUndefined();
    await clock.advance(1);
    expect(waiting.error).toMatchObject({ code: 'queue_full', status: 429 });
    expect(waiting.error?.retryAfterMs).toBeGreaterThan(0);
  });

  it('is more patient when its replicas go away meanwhile', async () => {
    const settings = { concurrency: 1, saturation: { queueTimeoutMs: 3_000 }, hold: { timeoutMs: 60_000 } };
    const { pool, acquire, watch, clock } = started(settings, [a]);
    await acquire();
    const waiting = watch(acquire());
    pool.update(endpointsOf([], { starting: 1, desired: 1 }));
    await clock.advance(30_000);
    expect(waiting.error).toBeUndefined();
    pool.update(endpointsOf([b]));
    await turns();
    expect(waiting.lease?.url).toBe(b);
  });

  it('expects a wait that grows with the queue', async () => {
    const { pool, acquire, watch } = started({ concurrency: 1 }, [a]);
    expect(pool.waitMs).toBe(0);
    await acquire();
    const first = pool.waitMs;
    watch(acquire());
    expect(pool.waitMs).toBe(2 * first);
  });

  it('says how near it is to turning requests away, by its patience and by the length of its queue', async () => {
    const { pool, acquire, watch } = started({ concurrency: 1, saturation: { queueTimeoutMs: 20_000 } }, [a]);
    expect(pool.pressure).toBe(0);
    await acquire();
    expect(pool.pressure).toBe(pool.waitMs / 20_000);
    pool.configure(poolOf({ concurrency: 1, saturation: { queueTimeoutMs: 20_000 }, hold: { queueMax: 2 } }));
    watch(acquire());
    expect(pool.pressure).toBe(0.5);
    watch(acquire());
    expect(pool.pressure).toBe(1);
  });

  it('that starts is not near it, however long the start takes, until many wait', () => {
    const { pool, acquire, watch } = started({ hold: { queueMax: 4, timeoutMs: 1 } });
    pool.update(endpointsOf([], { wakeable: true }));
    expect(pool.pressure).toBe(0);
    watch(acquire());
    expect(pool.pressure).toBe(0.25);
  });

  it('that may hold nobody is at once', async () => {
    const { pool, acquire } = started({ concurrency: 1, hold: { queueMax: 0 } }, [a]);
    expect(pool.pressure).toBe(0);
    await acquire();
    expect(pool.pressure).toBe(1);
  });
});

describe('a pool whose only server is gone', () => {
  /** Fails one request after another until the pool has had enough. */
  async function failing(): Promise<ReturnType<typeof started>> {
    const all = started({}, [a]);
    for (let round = 0; round < 3; round += 1) {
      const asked = all.watch(all.acquire());
      await all.clock.advance(20_000);
      asked.lease?.release(broken);
    }
    return all;
  }

  it('waits for its return at first', async () => {
    const { acquire, watch, clock, pool } = started({}, [a]);
    (await acquire()).release(broken);
    expect(pool.available).toBe(false);
    const waiting = watch(acquire());
    await turns();
    expect(waiting.lease).toBeUndefined();
    await clock.advance(1_001);
    expect(waiting.lease?.url).toBe(a);
  });

  it('then refuses at once with 503, and says when to try', async () => {
    const { acquire, watch, pool } = await failing();
    const refused = watch(acquire());
    await turns();
    expect(refused.error).toMatchObject({ code: 'pool_unavailable', status: 503, retryable: true });
    expect(refused.error?.retryAfterMs).toBeGreaterThan(0);
    expect([pool.status, pool.problem]).toEqual(['unavailable', 'none of its servers can be reached']);
  });

  it('lets one request through to see whether it is back, and then all', async () => {
    const { acquire, watch, clock, pool } = await failing();
    await clock.advance(20_000);
    const trial = watch(acquire());
    await turns();
    expect(trial.lease?.url).toBe(a);
    const refused = watch(acquire());
    await turns();
    expect(refused.error?.code).toBe('pool_unavailable');
    trial.lease?.began();
    expect((await acquire()).url).toBe(a);
    expect(pool.status).toBe('ready');
  });

  it('is not held up by a trial that takes long', async () => {
    const { acquire, watch, clock } = started({}, [a]);
    (await acquire()).release(broken);
    const waiting = [watch(acquire()), watch(acquire())];
    await clock.advance(1_001);
    expect(waiting.map(({ lease }) => lease?.url)).toEqual([a, undefined]);
    await clock.advance(1_000);
    expect(waiting[1]?.lease?.url).toBe(a);
  });

  it('has as good a chance as any when its server has been replaced', async () => {
    const { acquire, pool } = await failing();
    pool.update(endpointsOf([b]));
    expect((await acquire()).url).toBe(b);
  });
});

describe('a pool of which too few servers are left', () => {
  /** Every server but the first has failed again and again. */
  async function decimated(urls: readonly string[]): Promise<ReturnType<typeof started>> {
    const all = started({ concurrency: 1 }, urls);
    for (let round = 0; round < 3; round += 1) {
      for (const url of urls.slice(1)) {
        const others = new Set(urls.filter((other) => other !== url));
        const lease = await all.acquire(others);
        expect(lease.url).toBe(url);
        lease.release(broken);
      }
      await all.clock.advance(20_000);
    }
    return all;
  }

  it('uses what is left, spares it more, and says so at once rather than after a wait', async () => {
    const { acquire, watch } = await decimated([a, b, c]);
    // One of those that failed is tried now and then, and with one request.
    const places = [await acquire(), await acquire(), await acquire()].map(({ url }) => url);
    expect(places.toSorted()).toEqual([a, b, c]);
    const refused = watch(acquire());
    await turns();
    expect(refused.error).toMatchObject({ code: 'pool_unavailable', status: 503, retryable: true });
    expect(refused.error?.message).toContain('Only 1 of the 3 servers');
    expect(refused.error?.retryAfterMs).toBeGreaterThanOrEqual(1_000);
  });

  it('waits for a place where half of it is left, as when all are well', async () => {
    const { acquire, watch } = await decimated([a, b]);
    await Promise.all([acquire(), acquire()]);
    const waiting = watch(acquire());
    await turns();
    expect([waiting.lease, waiting.error]).toEqual([undefined, undefined]);
  });

  it('expects the wait of those that are left', async () => {
    const [well, less] = [started({ concurrency: 1 }, [a, b, c]), await decimated([a, b, c])];
    for (const { acquire } of [well, less]) await Promise.all([acquire(), acquire(), acquire()]);
    // Each is rounded to a millisecond.
    expect(Math.abs(less.pool.waitMs - 3 * well.pool.waitMs)).toBeLessThanOrEqual(2);
  });

  it('is whole again with the first answers of the others', async () => {
    const { acquire, watch } = await decimated([a, b, c]);
    const leases = [await acquire(), await acquire(), await acquire()];
    for (const lease of leases) lease.began();
    const waiting = watch(acquire());
    await turns();
    expect(waiting.error).toBeUndefined();
  });
});

describe('a pool that has left the configuration', () => {
  it('ends what runs and serves what waits, but starts nothing', async () => {
    const { pool, acquire, watch } = started({ concurrency: 1 }, [a]);
    const running = await acquire();
    const waiting = watch(acquire());
    pool.retire();
    running.release(answered);
    await turns();
    expect(waiting.lease?.url).toBe(a);
  });

  it('tells those who wait for a start that will not come', async () => {
    const { pool, acquire, watch } = started();
    pool.update(endpointsOf([], { wakeable: true }));
    const waiting = watch(acquire());
    pool.retire();
    await turns();
    expect(waiting.error).toMatchObject({ code: 'pool_unavailable' });
    expect(waiting.error?.message).toContain('no longer served');
  });
});

describe('a pool that is given another configuration', () => {
  it('keeps its replicas, its failures and its requests', async () => {
    const { pool, acquire, watch } = started({ concurrency: 1 }, [a, b]);
    (await acquire()).release(broken);
    const running = await acquire();
    expect(running.url).toBe(b);
    const waiting = watch(acquire());
    pool.configure(poolOf({ concurrency: 2 }));
    await turns();
    expect(waiting.lease?.url).toBe(b);
    expect(pool.report).toMatchObject({ inFlight: 2, requestsTotal: 3 });
  });
});

describe('a canary in a pool', () => {
  const servers: Server[] = [
    { url: a, revision: 'stable' },
    { url: b, revision: 'canary' },
  ];

  it('gets its share and is reported by itself', async () => {
    const { pool, acquire } = started({ concurrency: 1_000, weights: { canary: 20 } }, servers);
    const leases = await Promise.all(Array.from({ length: 1_000 }, () => acquire()));
    for (const lease of leases) {
      lease.began();
      lease.release(lease.revision === 'canary' ? broken : answered);
    }
    const { revisions, requestsTotal, errorsTotal } = pool.report;
    expect(requestsTotal).toBe(1_000);
    expect(revisions['canary']?.requestsTotal).toBeGreaterThan(150);
    expect(revisions['canary']?.requestsTotal).toBeLessThan(250);
    expect(revisions['canary']?.errorsTotal).toBe(errorsTotal);
    expect(revisions['stable']).toMatchObject({ errorsTotal: 0, inFlight: 0 });
  });

  it('never gets what is too much for the others', async () => {
    const { acquire, watch } = started({ concurrency: 10, weights: { canary: 10 } }, servers);
    const seen = Array.from({ length: 200 }, () => watch(acquire()));
    await turns();
    const urls = seen.flatMap(({ lease }) => lease?.url ?? []);
    expect(urls.filter((url) => url === a)).toHaveLength(10);
    expect(urls.filter((url) => url === b).length).toBeLessThanOrEqual(10);
    seen.find(({ lease }) => lease?.url === a)?.lease?.release(answered);
    await turns();
    expect(seen.flatMap(({ lease }) => lease?.url ?? []).filter((url) => url === a)).toHaveLength(11);
  });

  it('that fails a request does not get its next attempt', async () => {
    const { acquire } = started({ concurrency: 20, weights: { canary: 100 } }, [
      ...servers,
      { url: c, revision: 'canary' },
    ]);
    for (let round = 0; round < 20; round += 1) expect((await acquire(new Set([b]))).url).not.toBe(b);
  });

  it('that a header asks for gets those requests and no others', async () => {
    const header = { name: 'x-beta', value: 'yes', revision: 'canary' };
    const { pool } = started({ concurrency: 5, weights: { stable: 100 }, header }, [
      { url: a, revision: 'stable' },
      { url: c, revision: 'canary' },
    ]);
    const ask = (value?: string): Promise<Lease> =>
      pool.acquire({ bytes: 1, signal, header: (name) => (name === 'x-beta' ? value : undefined) });
    for (let round = 0; round < 5; round += 1) {
      expect((await ask('yes')).url).toBe(c);
      expect((await ask(round % 2 === 0 ? 'no' : undefined)).url).toBe(a);
    }
    pool.update(endpointsOf([{ url: b, revision: 'stable' }]));
    expect((await ask('yes')).url, 'where it has no replica').toBe(b);
  });

  it('says which weight is in force', () => {
    const { pool } = started({ weights: { stable: 80 } }, [...servers, { url: c, revision: 'canary' }]);
    const { revisions } = poolReportSchema.parse(pool.report);
    expect([revisions['stable']?.weight, revisions['canary']?.weight]).toEqual([80, 20]);
    expect(started({}, servers).pool.report.revisions['stable']?.weight).toBeUndefined();
  });

  it('leaves no trace when it is gone', () => {
    const { pool } = started({}, servers);
    pool.update(endpointsOf([{ url: a, revision: 'stable' }]));
    expect(Object.keys(pool.report.revisions)).toEqual(['stable']);
  });
});

describe('the report of a pool', () => {
  it('counts times to the first byte', async () => {
    const { pool, acquire, clock } = started({}, [a]);
    const lease = await acquire();
    await clock.advance(150);
    lease.began();
    expect(countOf(pool.report.firstByte)).toBe(1);
    expect(pool.report.firstByte.sumMs).toBe(150);
  });

  it('says how long nothing has been asked of it', async () => {
    const { pool, acquire, clock } = started({}, [a]);
    expect(pool.report.idleMs).toBeUndefined();
    const lease = await acquire();
    await clock.advance(500);
    expect(pool.report.idleMs).toBe(0);
    lease.release(answered);
    await clock.advance(700);
    expect(pool.report.idleMs).toBe(700);
  });
});

describe('any sequence of requests, ends, lists and time', () => {
  const server = fc.record({
    url: fc.constantFrom(a, b, c),
    state: fc.constantFrom('ready' as const, 'draining' as const),
    revision: fc.constantFrom('old', 'new'),
  });
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: 'acquire' as const }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('release' as const),
        which: fc.nat(30),
        how: fc.constantFrom('answered' as const, 'broken' as const, 'erred' as const, 'left' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('update' as const), servers: fc.array(server) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(3_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('configure' as const),
        concurrency: fc.integer({ min: 1, max: 4 }),
        weights: fc.constantFrom({}, { new: 30 }, { new: 0 }, { old: 50, new: 50 }),
      }),
    },
  );

  it('keeps the limit of each replica, and its report is what was taken and not given back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { pool, clock } = started({ concurrency: 2, hold: { queueMax: 5 } });
        pool.update(endpointsOf([a, b].map((url) => ({ url, revision: 'old' }))));
        const open = new Set<Lease>();
        const clients: AbortController[] = [];
        let [taken, limit] = [0, 2];
        for (const one of steps) {
          if (one.do === 'acquire') {
            const client = new AbortController();
            clients.push(client);
            pool.acquire({ bytes: 1, signal: client.signal }).then(
              (lease) => {
                taken += 1;
                open.add(lease);
                const atReplica = [...open].filter(({ id }) => id === lease.id).length;
                // Those that were running when the limit was lowered, or the replica came back, may stay.
                expect(atReplica <= Math.max(limit, 4)).toBe(true);
              },
              () => undefined,
            );
          } else if (one.do === 'release') {
            const lease = [...open][one.which % Math.max(1, open.size)];
            if (lease) {
              open.delete(lease);
              lease.release({ kind: one.how });
            }
          } else if (one.do === 'update') pool.update(endpointsOf(one.servers, { wakeable: true }));
          else if (one.do === 'leave') clients[one.which]?.abort(new FleetError('cancelled', 'gone'));
          else if (one.do === 'wait') await clock.advance(one.ms);
          else {
            limit = one.concurrency;
            pool.configure(poolOf({ concurrency: limit, weights: one.weights, hold: { queueMax: 5 } }));
          }
          await turns(2);
          const { report } = pool;
          expect(poolReportSchema.parse(report)).toEqual(report);
          expect(report.inFlight).toBe(open.size);
          expect(report.requestsTotal).toBe(taken);
          expect(report.held).toBeLessThanOrEqual(5);
          const parts = Object.values(report.revisions);
          expect(parts.reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(open.size);
        }
        // A place that is given back goes to whoever waits.
        for (const lease of open) {
          open.delete(lease);
          lease.release(answered);
          await turns(2);
        }
        expect(pool.report.inFlight).toBe(0);
        await clock.advance(200_000);
        expect(pool.report.held).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('never has more at a replica than it answers at once', async () => {
    const simple = fc.oneof(
      fc.constant('acquire' as const),
      fc.constant('release' as const),
      fc.constant('wait' as const),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(simple, { maxLength: 80 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const { pool, clock } = started({ concurrency, hold: { queueMax: 50 } }, [a, b]);
          const open: Lease[] = [];
          let most = 0;
          for (const one of steps) {
            if (one === 'acquire')
              pool.acquire({ bytes: 1, signal }).then(
                (lease) => open.push(lease),
                () => undefined,
              );
            else if (one === 'release') open.shift()?.release(answered);
            else await clock.advance(100);
            await turns(2);
            for (const url of [a, b]) most = Math.max(most, open.filter((lease) => lease.url === url).length);
            // Nobody waits while there is room.
            if (pool.report.held > 0) expect(open).toHaveLength(2 * concurrency);
          }
          expect(most).toBeLessThanOrEqual(concurrency);
        },
      ),
      { numRuns: 150 },
    );
  });
});
