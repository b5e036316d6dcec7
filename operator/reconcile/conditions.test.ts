import { describe, expect, it } from 'vitest';
import { fails, holds, unknown, withTransitions } from './conditions.ts';

describe('the time of a condition', () => {
  const monday = '2026-01-05T00:00:00Z';
  const tuesday = '2026-01-06T00:00:00Z';
  const before = withTransitions([], [holds('Ready', 'Serving', '1 of 1'), fails('SLOMet', 'Slow', 'slow')], monday);

  it('is when it was first seen', () => {
    expect(before.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([monday, monday]);
  });

  it('stays while its status stays, whatever its reason and words', () => {
    const [ready] = withTransitions(before, [holds('Ready', 'ScaledToZero', 'idle')], tuesday);
    expect(ready).toEqual({ ...holds('Ready', 'ScaledToZero', 'idle'), lastTransitionTime: monday });
  });

  it.each([fails, unknown])('moves when its status flips', (to) => {
    expect(withTransitions(before, [to('Ready', 'Starting', '')], tuesday)[0]?.lastTransitionTime).toBe(tuesday);
  });

  it('goes with a condition that is no longer found', () => {
    const without = withTransitions(before, [holds('Ready', 'Serving', '')], tuesday);
    expect(without).toHaveLength(1);
    expect(withTransitions(without, [fails('SLOMet', 'Slow', '')], tuesday)[0]?.lastTransitionTime).toBe(tuesday);
  });
});
