import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { describe, expect, it } from 'vitest';
import { heeding, slept, withinTime } from './time-limit.ts';

const late = (): FleetError => new FleetError('request_timeout', 'too late');
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

describe('a time limit', () => {
  it('aborts work that takes longer, by the clock that it was given', async () => {
    const clock = new ManualClock();
    const work = withinTime(clock, { ms: 100, late }, untilAborted);
    const ended = expect(work).rejects.toMatchObject({ code: 'request_timeout' });
    await clock.advance(100);
    await ended;
  });

  it('aborts with its parent, and leaves no timer when the work is done', async () => {
    const clock = new ManualClock();
    const parent = new AbortController();
    const work = withinTime(clock, { ms: 100, parent: parent.signal, late }, untilAborted);
    parent.abort(new Error('left'));
    await expect(work).rejects.toThrow('left');
    const signals: AbortSignal[] = [];
    await withinTime(clock, { ms: 100, late }, async (signal) => void signals.push(signal));
    await clock.advance(1_000);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });
});

describe('sleeping', () => {
  it('says whether the time passed', async () => {
    const clock = new ManualClock();
    const leaving = new AbortController();
    const [whole, cut] = [slept(clock, 10, new AbortController().signal), slept(clock, 1_000, leaving.signal)];
    await clock.advance(10);
    leaving.abort();
    expect([await whole, await cut]).toEqual([true, false]);
  });
});

describe('waiting for what others wait for too', () => {
  it('ends for who leaves, with the answer for who stays', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const leaving = new AbortController();
    const left = heeding(leaving.signal, promise);
    const stays = heeding(new AbortController().signal, promise);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    resolve('answer');
    expect(await stays).toBe('answer');
  });

  it('does not begin for who has left', async () => {
    await expect(heeding(AbortSignal.abort(new Error('left')), Promise.resolve())).rejects.toThrow('left');
  });
});
