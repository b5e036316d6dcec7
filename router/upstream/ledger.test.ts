import { ManualClock } from '@qwenfleet/core/clock';
import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';

describe('what clients had of a pool', () => {
  it('adds up from the start, failures by the statuses that objectives count', () => {
    const ledger = new Ledger(new ManualClock());
    for (const status of [200, 200, 400, 404, 499, 429, 500, 503]) ledger.answered(status);
    ledger.wrote('prompt', 100);
    ledger.wrote('completion', 20);
    expect(ledger.report).toMatchObject({
      requests: { total: 8, failed: 3 },
      tokens: { prompt: 100, completion: 20 },
      firstByteMsP95: undefined,
    });
  });

  it('is a rate over the last minute or less, and nothing once nobody asks', async () => {
    const clock = new ManualClock();
    const ledger = new Ledger(clock);
    for (let second = 0; second < 90; second += 1) {
      ledger.answered(200);
      ledger.wrote('completion', 50);
      await clock.advance(1_000);
    }
    const { lately, requests, overMs } = ledger.report;
    expect(lately.requestsPerSecond).toBeCloseTo(1, 1);
    expect(lately.tokensPerSecond).toBeCloseTo(50, -1);
    expect([requests.total, overMs]).toEqual([90, 90_000]);
    await clock.advance(120_000);
    expect(ledger.report.lately).toEqual({ requestsPerSecond: 0, tokensPerSecond: 0, firstByteMsP95: undefined });
    expect(ledger.report.requests.total).toBe(90);
  });

  it('has a pool that has just begun measured over a second at least', () => {
    const ledger = new Ledger(new ManualClock());
    ledger.answered(200);
    expect(ledger.report.lately.requestsPerSecond).toBe(1);
  });

  it('forgets slow answers of long ago lately, and never in all', async () => {
    const clock = new ManualClock();
    const ledger = new Ledger(clock);
    ledger.began(5_000);
    await clock.advance(61_000);
    for (let turn = 0; turn < 3; turn += 1) ledger.began(20);
    expect(ledger.report.lately.firstByteMsP95).toBeLessThanOrEqual(20);
    expect(ledger.report.firstByteMsP95).toBeGreaterThan(4_000);
  });
});
