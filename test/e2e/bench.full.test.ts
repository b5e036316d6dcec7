import { expect, it } from 'vitest';
import { benchFleet } from '../perf/fleet-bench.ts';

it('the bench of the fleet asks every pool in every way, and gets an answer each time', async () => {
  const rows = await benchFleet({ rounds: 1, tokens: 8 });
  expect(rows.map(({ pool, via, streams }) => `${pool} ${via} ${streams}`)).toHaveLength(12);
  for (const { answers, failures, streams, tokensPerSecond, ttftMs } of rows) {
    expect({ answers, failures }).toEqual({ answers: streams, failures: 0 });
    expect(tokensPerSecond.median).toBeGreaterThan(0);
    expect(ttftMs.median).toBeGreaterThan(0);
  }
});
