import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryDelays } from './retry-delay.ts';
import { WorkQueue } from './work-queue.ts';

function create(telemetry?: Telemetry): { clock: ManualClock; queue: WorkQueue } {
  const clock = new ManualClock();
  return { clock, queue: new WorkQueue('q', { clock, rng: seededRng(1), log: silentLogger, telemetry }) };
}

describe('a work queue', () => {
  it('hands out a key once, however often it was added', async () => {
    const { queue } = create();
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(await queue.take()).toBe('a');
    expect(await queue.take()).toBe('b');
    expect(queue.length).toBe(0);
  });

  it('never gives a key to a second worker; what was added meanwhile comes after', async () => {
    const { queue } = create();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.take()).toBe('b');
    const next = queue.take();
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    expect([queue.length, queue.processing]).toEqual([0, 1]);
  });

  it('gives a waiting worker the next key', async () => {
    const { queue } = create();
    const first = queue.take();
    const second = queue.take();
    queue.add('a');
    queue.add('b');
    expect([await first, await second]).toEqual(['a', 'b']);
  });

  it('brings a delayed key back at the earliest of its times, once', async () => {
    const { queue, clock } = create();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 100);
    queue.addAfter('a', 500);
    await clock.advance(99);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    await clock.advance(2_000);
    expect([queue.length, queue.delayed]).toEqual([0, 0]);
  });

  it('lets a key that failed wait, longer with each failure, at least as long as the server asked', async () => {
    const { queue, clock } = create();
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(queue.length).toBe(1);
    await queue.take();
    queue.addRateLimited('a', 3_000);
    queue.done('a');
    await clock.advance(2_999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect([queue.length, queue.failures('a')]).toEqual([1, 2]);
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
  });
});

describe('retries', () => {
  it('wait 5 ms, 10 ms, 20 ms, never more than 1,000 s', () => {
    const clock = new ManualClock();
    const delays = new RetryDelays(clock, { overall: { perSecond: 1_000, burst: 1_000 } });
    const waits = Array.from({ length: 40 }, () => delays.next('a'));
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(waits[39]).toBe(1_000_000);
  });

  it('of many keys share ten a second after the first hundred', () => {
    const delays = new RetryDelays(new ManualClock());
    const waits = Array.from({ length: 200 }, (_, index) => delays.next(`key-${index}`));
    expect(waits.slice(0, 100).every((ms) => ms === 5)).toBe(true);
    expect(waits[199]).toBeCloseTo(10_000, 5);
  });
});

describe('shutting down', () => {
  it('finishes what waits, takes nothing more, and then tells every worker to leave', async () => {
    const { queue, clock } = create();
    queue.add('a');
    queue.add('b');
    queue.addAfter('late', 10);
    await queue.take();
    const drained = queue.shutDown();
    let isDrained = false;
    void drained.then(() => (isDrained = true));
    queue.add('c');
    queue.addRateLimited('d');
    await clock.advance(1_000_000);
    expect(await queue.take()).toBe('b');
    expect(await queue.take()).toBeUndefined();
    queue.done('a');
    await clock.advance(0);
    expect(isDrained).toBe(false);
    queue.done('b');
    await drained;
    expect(await queue.take()).toBeUndefined();
  });

  it('may drop what waits', async () => {
    const { queue } = create();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('b');
    const drained = queue.shutDown('drop');
    expect(await queue.take()).toBeUndefined();
    queue.done('a');
    await drained;
    expect(queue.length).toBe(0);
  });

  it('wakes the workers that wait', async () => {
    const { queue } = create();
    const waiting = queue.take();
    await queue.shutDown();
    expect(await waiting).toBeUndefined();
  });
});

describe('the metrics of a queue', () => {
  it('are those of client-go', async () => {
    const telemetry = new Telemetry('kube');
    const { queue, clock } = create(telemetry);
    queue.add('a');
    queue.add('a');
    queue.add('b');
    await clock.advance(2_000);
    await queue.take();
    await clock.advance(3_000);
    queue.addRateLimited('a');
    queue.done('a');
    const { body } = await telemetry.expose();
    expect(body).toContain('workqueue_depth{name="q"} 1');
    expect(body).toContain('workqueue_adds_total{name="q"} 2');
    expect(body).toContain('workqueue_retries_total{name="q"} 1');
    expect(body).toContain('workqueue_queue_duration_seconds_sum{name="q"} 2');
    expect(body).toContain('workqueue_work_duration_seconds_sum{name="q"} 3');
  });
});

/** client-go's queue as its source reads: a list, a dirty set and a processing set. */
class Model {
  queue: string[] = [];
  dirty = new Set<string>();
  processing = new Set<string>();
  add(key: string): void {
    if (this.dirty.has(key)) return;
    this.dirty.add(key);
    if (!this.processing.has(key)) this.queue.push(key);
  }
  take(): string | undefined {
    const key = this.queue.shift();
    if (key === undefined) return undefined;
    this.processing.add(key);
    this.dirty.delete(key);
    return key;
  }
  done(key: string): void {
    if (this.processing.delete(key) && this.dirty.has(key)) this.queue.push(key);
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  fc.record({ op: fc.constant('add' as const), key }),
  fc.record({ op: fc.constant('done' as const), key }),
  fc.record({ op: fc.constant('take' as const) }),
  fc.record({ op: fc.constant('addAfter' as const), key, ms: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 60 }) }),
);

describe('in whatever order things happen', () => {
  it('the queue does what client-go does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { queue, clock } = create();
        const model = new Model();
        let delayed: { key: string; dueMs: number }[] = [];
        for (const each of steps) {
          if (each.op === 'add') {
            queue.add(each.key);
            model.add(each.key);
          } else if (each.op === 'done') {
            queue.done(each.key);
            model.done(each.key);
          } else if (each.op === 'take' && model.queue.length > 0) {
            expect(await queue.take()).toBe(model.take());
          } else if (each.op === 'addAfter') {
            queue.addAfter(each.key, each.ms);
            const dueMs = clock.nowMs() + each.ms;
            const earlier = delayed.find((other) => other.key === each.key);
            if (!earlier) delayed.push({ key: each.key, dueMs });
            else earlier.dueMs = Math.min(earlier.dueMs, dueMs);
          } else if (each.op === 'advance') {
            await clock.advance(each.ms);
            const due = delayed.filter(({ dueMs }) => dueMs <= clock.nowMs()).sort((a, b) => a.dueMs - b.dueMs);
            delayed = delayed.filter((other) => !due.includes(other));
            // Those due at the same moment may come in either order.
            if (new Set(due.map(({ dueMs }) => dueMs)).size < due.length) return;
            for (const { key: dueKey } of due) model.add(dueKey);
          }
          expect([queue.length, queue.processing]).toEqual([model.queue.length, model.processing.size]);
        }
        while (model.queue.length > 0) expect(await queue.take()).toBe(model.take());
      }),
    );
  });

  it('no key is lost and none is with two workers, with workers that take their time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(key, fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 30 })), { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (adds, workers) => {
          const { queue, clock } = create();
          const added = new Map<string, number>();
          const seen = new Map<string, number>();
          const working = new Set<string>();
          const work = async (): Promise<void> => {
            for (let taken = await queue.take(); taken !== undefined; taken = await queue.take()) {
              expect(working.has(taken)).toBe(false);
              working.add(taken);
              seen.set(taken, added.get(taken) ?? 0);
              await clock.sleep(7);
              working.delete(taken);
              queue.done(taken);
            }
          };
          const all = Promise.all(Array.from({ length: workers }, work));
          for (const [name, delayMs, pauseMs] of adds) {
            added.set(name, (added.get(name) ?? 0) + 1);
            if (delayMs === 0) queue.add(name);
            else queue.addAfter(name, delayMs);
            await clock.advance(pauseMs);
          }
          await clock.advance(1_000);
          expect(seen).toEqual(added);
          await queue.shutDown();
          await all;
        },
      ),
    );
  });
});
