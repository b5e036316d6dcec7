import { ManualClock } from '@qwenfleet/core/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('a rate with a burst', () => {
  it('lets the burst through, then one in a while', async () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(clock, { perSecond: 2, burst: 3 });
    expect([1, 2, 3, 4].map(() => bucket.tryTake())).toEqual([true, true, true, false]);
    await clock.advance(500);
    expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false]);
  });

  it('tells those who wait when their turn is, one after the other', () => {
    const bucket = new TokenBucket(new ManualClock(), { perSecond: 10, burst: 1 });
    expect([bucket.reserve(), bucket.reserve(), bucket.reserve()]).toEqual([0, 100, 200]);
    bucket.giveBack();
    expect(bucket.reserve()).toBe(200);
  });

  it('never lets more through than burst and rate allow, in any stretch of time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(500), { maxLength: 50 }),
        async (perSecond, burst, pauses) => {
          const clock = new ManualClock();
          const bucket = new TokenBucket(clock, { perSecond, burst });
          let taken = 0;
          for (const pauseMs of pauses) {
            await clock.advance(pauseMs);
            while (bucket.tryTake()) taken += 1;
            expect(taken).toBeLessThanOrEqual(burst + (clock.nowMs() / 1000) * perSecond + 1e-6);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
