import { describe, expect, it } from 'vitest';
import { offMax } from '@qwenfleet/router/policy/adaptive/steering';
import { runDay } from './day.ts';
import { fixedShareOf, offPoints } from './report.ts';

describe('a day under a wanted share of the large pool', () => {
  it('has that share in every hour, whatever people ask and however many', async () => {
    const wanted = 0.2;
    const hours = await runDay({ seed: 11, largeShare: wanted, perSecondMax: 0.25, hours: [9, 24] });
    for (const { requests, large, moved } of hours)
      expect(Math.abs(large + moved - wanted * requests)).toBeLessThanOrEqual(offMax);
    expect(offPoints(hours, wanted)).toBeLessThanOrEqual(4);
    // A number in a file is far off in some hour, even the best one.
    expect(offPoints(hours, wanted, fixedShareOf)).toBeGreaterThan(8);
  });
});
