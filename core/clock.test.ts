import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';
import { ManualClock, systemClock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { durationMs } from './duration.ts';
import { FleetError } from './errors.ts';
import { seededRng } from './rng.ts';

describe('a manual clock', () => {
  it('wakes sleepers in the order they are due, and only when time has come', async () => {
    const clock = new ManualClock(1_000);
    const woken: string[] = [];
    void clock.sleep(30).then(() => woken.push('late'));
    void clock.sleep(10).then(() => woken.push('early'));
    await clock.advance(9);
    expect(woken).toEqual([]);
    await clock.advance(1);
    expect(woken).toEqual(['early']);
    await clock.advance(100);
    expect(woken).toEqual(['early', 'late']);
    expect(clock.nowMs()).toBe(1_110);
  });

  it('lets a sleeper that sleeps again run within one advance', async () => {
    const clock = new ManualClock();
    let ticks = 0;
    const loop = async (): Promise<void> => {
      for (let index = 0; index < 5; index += 1) {
        await clock.sleep(10);
        ticks += 1;
      }
    };
    void loop();
    await clock.advance(50);
    expect(ticks).toBe(5);
  });
});

describe.each([
  ['the system clock', systemClock],
  ['a manual clock', new ManualClock()],
])('sleeping on %s', (_name, clock) => {
  it('ends at once when the signal aborts', async () => {
    const controller = new AbortController();
    const sleep = clock.sleep(60_000, controller.signal);
    controller.abort(new FleetError('cancelled', 'enough'));
    await expect(sleep).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('does not begin under a signal that has aborted', async () => {
    await expect(clock.sleep(60_000, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a deadline', () => {
  it('aborts with a coded reason', async () => {
    const { signal } = withDeadline(undefined, 1, 'upstream_timeout', 'too slow');
    await systemClock.sleep(20);
    expect(signal.reason).toMatchObject({ code: 'upstream_timeout', message: 'too slow' });
  });

  it('follows its parent, and is quiet once cleared', async () => {
    const parent = new AbortController();
    const { signal, clear } = withDeadline(parent.signal, 5, 'upstream_timeout', 'too slow');
    clear();
    await systemClock.sleep(20);
    expect(signal.aborted).toBe(false);
    parent.abort();
    expect(signal.aborted).toBe(true);
  });
});

describe('backing off', () => {
  const policy = { baseMs: 50, maxMs: 5_000, factor: 2 };

  it('grows, stays under its cap, and never falls to nothing', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, chance) => {
        const delayMs = backoffMs(policy, attempt, () => chance);
        const wholeMs = Math.min(policy.maxMs, policy.baseMs * 2 ** attempt);
        expect(delayMs).toBeGreaterThanOrEqual(wholeMs / 2);
        expect(delayMs).toBeLessThanOrEqual(wholeMs);
      }),
    );
  });
});

describe('chance', () => {
  it('is the same for the same seed, and spread over [0, 1)', () => {
    const draw = (seed: number): number[] => Array.from({ length: 10_000 }, seededRng(seed));
    const numbers = draw(42);
    expect(draw(42)).toEqual(numbers);
    expect(draw(43)).not.toEqual(numbers);
    const mean = numbers.reduce((a, b) => a + b) / numbers.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
  });
});

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
    ['0s', 0],
  ])('%s is %d ms', (text, wanted) => expect(durationMs(text)).toBe(wanted));

  it.each(['', '10', 's', '-1s', '1 s', '1w', '1s ', 'PT30S'])('%j is refused, with an example', (text) => {
    expect(() => durationMs(text)).toThrow(/such as 30s/);
  });
});
