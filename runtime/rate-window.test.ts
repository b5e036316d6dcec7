import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '@qwenfleet/core/clock';
import { RateWindow } from './rate-window.ts';

describe('a rate over the last ten seconds', () => {
  it('is nothing at first, and nothing again when nothing comes', async () => {
    const clock = new ManualClock();
    const rate = new RateWindow(clock);
    expect(rate.perSecond()).toBe(0);
    rate.add(50);
    await clock.advance(11_000);
    expect(rate.perSecond()).toBe(0);
  });

  it.each([2_000, 5_000, 10_000, 60_000])('is the true one %i ms after the start', async (afterMs) => {
    const clock = new ManualClock();
    const rate = new RateWindow(clock);
    for (let nowMs = 0; nowMs < afterMs; nowMs += 100) {
      rate.add(3);
      await clock.advance(100);
    }
    // Thirty a second; a bucket of one second may be half counted.
    expect(rate.perSecond()).toBeGreaterThan(26);
    expect(rate.perSecond()).toBeLessThan(34);
  });

  it('does not make a stampede of a first token', () => {
    const rate = new RateWindow(new ManualClock(5));
    rate.add(1);
    expect(rate.perSecond()).toBe(1);
  });

  it('never counts anything twice, nor below nought, whenever it is asked', async () => {
    const moment = fc.record({ waitMs: fc.nat(4_000), count: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { maxLength: 20 }), async (moments) => {
        const clock = new ManualClock();
        const rate = new RateWindow(clock);
        const seen: { atMs: number; count: number }[] = [];
        for (const { waitMs, count } of moments) {
          await clock.advance(waitMs);
          rate.add(count);
          seen.push({ atMs: clock.nowMs(), count });
          const recent = seen
            .filter(({ atMs }) => clock.nowMs() - atMs < 10_000)
            .reduce((sum, each) => sum + each.count, 0);
          const overMs = Math.min(10_000, Math.max(1_000, clock.nowMs()));
          expect(rate.perSecond()).toBeGreaterThanOrEqual(0);
          expect(rate.perSecond()).toBeLessThanOrEqual((recent * 1_000) / overMs + 1e-9);
        }
      }),
      { numRuns: 50, seed: 2 },
    );
  });
});
