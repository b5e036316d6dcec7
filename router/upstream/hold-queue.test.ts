import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { turns } from '../harness/router.ts';
import { HoldQueue, type Held } from './hold-queue.ts';

type Named = Held & { name: number };

function queueOf(limits: { queueMax?: number; queueBytesMax?: number } = {}) {
  const clock = new ManualClock();
  const queue = new HoldQueue<Named, number>(clock, { queueMax: 3, queueBytesMax: 100, ...limits });
  const add = (name: number, held: Partial<Held> = {}): Promise<number> =>
    queue.add(
      {
        name,
        bytes: 1,
        signal: new AbortController().signal,
        limitMs: () => 1_000,
        onTimeout: () => new FleetError('pool_unavailable', 'too slow'),
        ...held,
      },
      700,
    );
  /** Serves so many, in the queue's own order. */
  const serve = (count: number): number[] => {
    const served: number[] = [];
    queue.serve(
      ({ name }) => {
        served.push(name);
        return name;
      },
      () => served.length < count,
    );
    return served;
  };
  return { clock, queue, add, serve };
}

describe('requests that wait', () => {
  it('are served first come, first served', async () => {
    const { add, serve } = queueOf();
    const waiting = [add(1), add(2), add(3)];
    expect(serve(2)).toEqual([1, 2]);
    expect(serve(2)).toEqual([3]);
    expect(await Promise.all(waiting)).toEqual([1, 2, 3]);
  });

  it('let others past only when there is nothing for themselves', async () => {
    const { add, queue } = queueOf();
    const [first, second] = [add(1), add(2)];
    queue.serve(
      ({ name }) => (name === 1 ? undefined : name),
      () => true,
    );
    expect(await second).toBe(2);
    expect(queue.length).toBe(1);
    queue.refuseAll(new FleetError('pool_unavailable', 'over'));
    await expect(first).rejects.toThrow('over');
  });
});

describe('clients that wait beside each other', () => {
  it('get places in turn, each in the order in which its own came', () => {
    const { add, serve, queue } = queueOf({ queueMax: 10 });
    for (const name of [1, 2, 3, 4]) void add(name, { client: 'much' });
    for (const name of [5, 6]) void add(name, { client: 'little' });
    void add(7, { client: 'least' });
    expect(serve(4)).toEqual([1, 5, 7, 2]);
    // A turn is not forgotten between two places.
    expect(serve(1)).toEqual([6]);
    expect(serve(9)).toEqual([3, 4]);
    expect(queue.length).toBe(0);
  });

  it('let others past when there is nothing for themselves, and keep their turn', () => {
    const { add, queue, serve } = queueOf({ queueMax: 10 });
    for (const name of [1, 2]) void add(name, { client: 'a' });
    for (const name of [3, 4]) void add(name, { client: 'b' });
    const offered: number[] = [];
    queue.serve(
      ({ name }) => {
        offered.push(name);
        return name === 3 || name === 4 ? name : undefined;
      },
      () => true,
    );
    // Each is offered once.
    expect(offered).toEqual([1, 2, 3, 4]);
    expect(serve(2)).toEqual([1, 2]);
  });

  it('share its room: who has most of it gives way to who has less, newest first', async () => {
    const { add, serve } = queueOf({ queueMax: 4 });
    const many = [1, 2, 3, 4].map((name) => add(name, { client: 'much' }));
    const first = add(5, { client: 'little' });
    await expect(many[3]).rejects.toMatchObject({ code: 'queue_full', status: 429, retryAfterMs: 700 });
    const second = add(6, { client: 'little' });
    await expect(many[2]).rejects.toMatchObject({ code: 'queue_full' });
    // Two and two: another would have more than the others.
    await expect(add(7, { client: 'little' })).rejects.toMatchObject({ code: 'queue_full' });
    await expect(add(8, { client: 'much' })).rejects.toMatchObject({ code: 'queue_full' });
    expect(serve(4)).toEqual([1, 5, 2, 6]);
    await Promise.all([many[0], many[1], first, second]);
  });

  it('share its bytes, too, and nobody gives way in vain', async () => {
    const { add, queue } = queueOf({ queueMax: 10 });
    const large = [add(1, { client: 'much', bytes: 40 }), add(2, { client: 'much', bytes: 40 })];
    await expect(add(3, { client: 'little', bytes: 90 })).rejects.toMatchObject({ code: 'queue_full' });
    expect(queue.bytes).toBe(80);
    const small = add(4, { client: 'little', bytes: 30 });
    await expect(large[1]).rejects.toMatchObject({ code: 'queue_full' });
    expect(queue.bytes).toBe(70);
    queue.refuseAll(new FleetError('pool_unavailable', 'over'));
    await Promise.allSettled([large[0], small]);
  });
});

describe('the bound', () => {
  it('is on how many wait: the last fits, one more is told when to come back', async () => {
    const { add, queue } = queueOf({ queueMax: 2 });
    const kept = [add(1), add(2)];
    await expect(add(3)).rejects.toMatchObject({ code: 'queue_full', status: 429, retryAfterMs: 700 });
    expect(queue.length).toBe(2);
    queue.refuseAll(new FleetError('pool_unavailable', 'over'));
    await Promise.allSettled(kept);
  });

  it('is on their bytes: exactly as many fit, one more byte does not', async () => {
    const { add, serve, queue } = queueOf();
    const first = add(1, { bytes: 60 });
    await expect(add(2, { bytes: 41 })).rejects.toMatchObject({ code: 'queue_full' });
    const second = add(3, { bytes: 40 });
    expect(queue.bytes).toBe(100);
    serve(2);
    await Promise.all([first, second]);
    expect(queue.bytes).toBe(0);
  });

  it('of zero holds nobody', async () => {
    await expect(queueOf({ queueMax: 0 }).add(1)).rejects.toMatchObject({ code: 'queue_full' });
  });

  it('can be lowered without turning anybody away', async () => {
    const { add, serve, queue } = queueOf();
    const waiting = [add(1), add(2)];
    queue.configure({ queueMax: 1, queueBytesMax: 1 });
    await expect(add(3)).rejects.toMatchObject({ code: 'queue_full' });
    expect(serve(2)).toEqual([1, 2]);
    await Promise.all(waiting);
  });
});

describe('patience', () => {
  it('ends with what is said to somebody who waited too long', async () => {
    const { add, clock, queue } = queueOf();
    const waiting = add(1);
    const seen = expect(waiting).rejects.toMatchObject({ code: 'pool_unavailable' });
    await clock.advance(999);
    expect(queue.length).toBe(1);
    await clock.advance(1);
    await seen;
    expect(queue.length).toBe(0);
  });

  it('grows when the pool has to be started meanwhile', async () => {
    const { add, serve, clock } = queueOf();
    let limitMs = 1_000;
    const waiting = add(1, { limitMs: () => limitMs });
    limitMs = 5_000;
    await clock.advance(4_999);
    expect(serve(1)).toEqual([1]);
    expect(await waiting).toBe(1);
  });

  it('ends at once when the client leaves, with the reason why', async () => {
    const { add, queue } = queueOf();
    const client = new AbortController();
    const waiting = add(1, { signal: client.signal });
    client.abort(new FleetError('cancelled', 'gone'));
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    expect(queue.length).toBe(0);
    await expect(add(2, { signal: client.signal })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('any sequence of arrivals, places, departures and time', () => {
  it('serves in order, keeps its bounds, and forgets nobody', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), bytes: fc.nat(60) }),
      fc.record({ do: fc.constant('serve' as const), count: fc.nat(3) }),
      fc.record({ do: fc.constant('leave' as const), which: fc.nat(20) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(600) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { add, serve, clock, queue } = queueOf();
        const clients: AbortController[] = [];
        const ends: Promise<string>[] = [];
        const served: number[] = [];
        for (const one of steps) {
          if (one.do === 'add') {
            const client = new AbortController();
            const name = clients.push(client) - 1;
            const end = add(name, { bytes: one.bytes, signal: client.signal });
            ends.push(
              end.then(
                () => 'served',
                (error: FleetError) => error.code,
              ),
            );
          } else if (one.do === 'serve') served.push(...serve(one.count));
          else if (one.do === 'leave') clients[one.which]?.abort(new FleetError('cancelled', 'gone'));
          else await clock.advance(one.ms);
          await turns(1);
          expect(queue.length).toBeLessThanOrEqual(3);
          expect(queue.bytes).toBeLessThanOrEqual(100);
        }
        await clock.advance(1_000);
        const outcomes = await Promise.all(ends);
        expect(served).toEqual(served.toSorted((a, b) => a - b));
        expect(outcomes.filter((outcome) => outcome === 'served')).toHaveLength(served.length);
        expect([queue.length, queue.bytes]).toEqual([0, 0]);
      }),
      { numRuns: 150 },
    );
  });
});
