import { ManualClock } from '@qwenfleet/core/clock';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

async function attempts({ requests, everyMs, failing }: { requests: number; everyMs: number; failing: number }) {
  const clock = new ManualClock();
  const budget = new RetryBudget(clock);
  let sent = 0;
  for (let count = 0; count < requests; count += 1) {
    await clock.advance(everyMs);
    budget.earn();
    sent += 1;
    if ((count * 37) % 100 < failing && budget.spend()) sent += 1;
  }
  return sent;
}

describe('attempts after the first', () => {
  it.each([50, 100])('are a fifth of the requests at most, whatever fails: %d of 100', async (failing) => {
    const requests = 2_000;
    const sent = await attempts({ requests, everyMs: 5, failing });
    expect(sent).toBeLessThanOrEqual(1.2 * requests + 10);
    expect(sent).toBeGreaterThanOrEqual(1.19 * requests);
  });

  it('are not missed where few fail, or few come', async () => {
    expect(await attempts({ requests: 1_000, everyMs: 5, failing: 15 })).toBe(1_150);
    expect(await attempts({ requests: 100, everyMs: 1_000, failing: 100 })).toBe(200);
  });

  it('are not saved up without bound', async () => {
    const clock = new ManualClock();
    const budget = new RetryBudget(clock);
    await clock.advance(3_600_000);
    budget.earn();
    let spent = 0;
    while (budget.spend()) spent += 1;
    expect(spent).toBe(10);
  });
});
