import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientMeter, duration, type Charge } from './meter.ts';
import { Meters } from './meters.ts';
import { MinuteWindow } from './minute-window.ts';

const minuteMs = 60_000;
const key = (id: string, quota?: object) => ({ id, sha256: 'a'.repeat(64), ...(quota ? { quota } : {}) });

describe('what came within the last minute', () => {
  it('is the sum of it, and is gone a minute later', () => {
    const window = new MinuteWindow();
    window.add(3, 500);
    window.add(4, 30_000);
    expect([window.used(60_400), window.used(61_000), window.used(90_999), window.used(91_000)]).toEqual([7, 4, 4, 0]);
  });

  it('never leaves out what any minute has, and tells when less of it is left', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ waitMs: fc.nat(40_000), amount: fc.nat(50) }), { minLength: 1, maxLength: 80 }),
        fc.nat(100),
        (steps, most) => {
          const window = new MinuteWindow();
          const came: { atMs: number; amount: number }[] = [];
          let nowMs = 0;
          for (const { waitMs, amount } of steps) {
            nowMs += waitMs;
            window.add(amount, nowMs);
            came.push({ atMs: nowMs, amount });
            const used = window.used(nowMs);
            const inMinute = (ms: number): number =>
              came.filter(({ atMs }) => atMs > nowMs - ms).reduce((sum, each) => sum + each.amount, 0);
            expect(used).toBeGreaterThanOrEqual(inMinute(minuteMs));
            expect(used).toBeLessThanOrEqual(inMinute(minuteMs + 1_000));
          }
          const afterMs = window.freeAfterMs(most, nowMs);
          if (afterMs > 0) expect(window.used(nowMs + afterMs - 1)).toBeGreaterThan(most);
          expect(window.used(nowMs + afterMs)).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});

describe('a quota', () => {
  it('of requests is used up, and says when there is another', () => {
    const meter = new ClientMeter();
    const quota = { requestsPerMinute: 2 };
    for (const atMs of [1_000, 5_000]) meter.admit(quota, 0, atMs).end();
    const third = () => meter.admit(quota, 0, 10_000);
    expect(third).toThrow(
      expect.objectContaining({ code: 'rate_limited', status: 429, retryable: true, retryAfterMs: 52_000 }),
    );
    expect(third).toThrow('2 requests a minute, and they are used. Try again in 52s.');
    expect(meter.headers(quota, 10_000)).toEqual({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '56s',
    });
    expect(() => meter.admit(quota, 0, 62_000)).not.toThrow();
  });

  it('of requests at the same time has a place again when one ends, and one place for each end', () => {
    const meter = new ClientMeter();
    const quota = { concurrency: 1 };
    const first = meter.admit(quota, 0, 0);
    expect(() => meter.admit(quota, 0, 0)).toThrow(/at the same time/);
    first.end();
    first.end();
    meter.admit(quota, 0, 0);
    expect(() => meter.admit(quota, 0, 0)).toThrow(/at the same time/);
  });

  it('of tokens is kept for what runs, and charged as delivered', () => {
    const meter = new ClientMeter();
    const quota = { tokensPerMinute: 100 };
    const first = meter.admit(quota, 60, 0);
    expect(() => meter.admit(quota, 41, 0)).toThrow(/of which 60 are used or kept/);
    first.deliver(10, 1_000);
    first.end();
    first.deliver(1_000, 1_000);
    expect(meter.headers(quota, 1_000)).toMatchObject({ 'x-ratelimit-remaining-tokens': '90' });
    expect(() => meter.admit(quota, 90, 1_000)).not.toThrow();
  });

  it('that a request can never be within is said so, and it is not to be tried again', () => {
    const ask = () => new ClientMeter().admit({ tokensPerMinute: 100 }, 101, 0);
    expect(ask).toThrow(expect.objectContaining({ code: 'rate_limited', retryable: false, retryAfterMs: undefined }));
    expect(ask).toThrow(/max_tokens/);
  });

  it('of tokens is exceeded by what a request delivers beyond its part, and the next ones wait for that', () => {
    const meter = new ClientMeter();
    const quota = { tokensPerMinute: 100 };
    const first = meter.admit(quota, 10, 0);
    first.deliver(500, 0);
    first.end();
    expect(() => meter.admit(quota, 1, 60_999)).toThrow(/500 are used/);
    expect(() => meter.admit(quota, 1, 61_000)).not.toThrow();
  });

  it('never lets more in than it is, in any minute and at any moment, and charges what is delivered', () => {
    const acts = fc.array(
      fc.record({
        waitMs: fc.nat(9_000),
        tokens: fc.integer({ min: 1, max: 60 }),
        share: fc.nat(100),
        ends: fc.nat(4),
      }),
      { maxLength: 150 },
    );
    const quotas = fc.record({
      requestsPerMinute: fc.integer({ min: 1, max: 20 }),
      tokensPerMinute: fc.integer({ min: 1, max: 200 }),
      concurrency: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(quotas, acts, (quota, steps) => {
        const meter = new ClientMeter();
        const running: { charge: Charge; tokens: number; share: number }[] = [];
        const [admitted, delivered] = [[] as number[], [] as { atMs: number; tokens: number }[]];
        let nowMs = 0;
        const lately = (atMs: number): boolean => atMs > nowMs - minuteMs;
        const sum = (): number =>
          delivered.filter(({ atMs }) => lately(atMs)).reduce((total, { tokens }) => total + tokens, 0);
        for (const { waitMs, tokens, share, ends } of steps) {
          nowMs += waitMs;
          for (const { charge, ...done } of running.splice(0, ends)) {
            const count = Math.floor((done.tokens * done.share) / 100);
            charge.deliver(count, nowMs);
            charge.end();
            delivered.push({ atMs: nowMs, tokens: count });
          }
          try {
            running.push({ charge: meter.admit(quota, tokens, nowMs), tokens, share });
            admitted.push(nowMs);
          } catch (error) {
            const { retryAfterMs, retryable } = error as { retryAfterMs?: number; retryable: boolean };
            expect(retryable).toBe(tokens <= quota.tokensPerMinute);
            if (retryable) expect(retryAfterMs).toBeGreaterThan(0);
          }
          expect(running.length).toBeLessThanOrEqual(quota.concurrency);
          expect(admitted.filter(lately).length).toBeLessThanOrEqual(quota.requestsPerMinute);
          expect(sum()).toBeLessThanOrEqual(quota.tokensPerMinute);
        }
        nowMs += minuteMs + 1_000;
        for (const { charge } of running) charge.end();
        expect(meter.headers(quota, nowMs)).toMatchObject({
          'x-ratelimit-remaining-requests': String(quota.requestsPerMinute),
          'x-ratelimit-remaining-tokens': String(quota.tokensPerMinute),
        });
      }),
    );
  });
});

describe('meters', () => {
  it('are one for a client with all its keys, and none for one without a quota', () => {
    const meters = new Meters();
    expect(meters.of(key('alice', {}))).toBe(meters.of(key('alice', { concurrency: 1 })));
    expect(meters.of(key('bob'))).toBeUndefined();
  });

  it('remember what was used when the configuration changes, and forget clients that are gone', () => {
    const meters = new Meters();
    const [alice, bob] = [meters.of(key('alice', {})), meters.of(key('bob', {}))];
    meters.keep([key('alice', { concurrency: 9 })]);
    expect(meters.of(key('alice', {}))).toBe(alice);
    expect(meters.of(key('bob', {}))).not.toBe(bob);
  });
});

describe('a duration', () => {
  it.each([
    [0, '0ms'],
    [16.2, '17ms'],
    [8_640, '8.64s'],
    [60_500, '1m0.5s'],
  ])('of %d ms is written as OpenAI does', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
