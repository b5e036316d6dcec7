import { beforeAll, describe, expect, it } from 'vitest';
import { rushFromZero, type Rush } from '../harness/rush.ts';
import { median, percentile } from '../harness/statistics.ts';

const requests = 500;
const concurrency = 8;

describe('500 requests at once at a pool at zero', () => {
  let rush: Rush;
  beforeAll(async () => {
    rush = await rushFromZero({ requests, concurrency });
    const [middle, most] = [median(rush.overheadsMs), percentile(rush.overheadsMs, 0.99)];
    process.stdout.write(
      `rush: loaded in ${rush.loadMs.toFixed(0)} ms, served in ${rush.servedMs.toFixed(0)} ms, ` +
        `overhead ${middle.toFixed(1)} ms, p99 ${most.toFixed(1)} ms\n`,
    );
  }, 600_000);

  it('are all answered', () => {
    expect(rush.statuses).toEqual({ 200: requests });
    // Every one was seen to come and to leave, or the other figures would mean nothing.
    expect(rush.overheadsMs).toHaveLength(requests);
  });

  it('come to the runtime as it has places for them, and fill those', () => {
    expect(rush.inFlightMax).toBe(concurrency);
  });
});
