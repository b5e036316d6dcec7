import { describe, expect, it } from 'vitest';
import { runDay, type Hour } from './day.ts';
import { fixedShareOf, offPoints } from './report.ts';

const sum = (hours: readonly Hour[], of: (hour: Hour) => number): number =>
  hours.reduce((so, hour) => so + of(hour), 0);

describe('a whole day under a wanted share of the large pool', () => {
  it.each([
    { seed: 21, largeShare: 0.2 },
    { seed: 22, largeShare: 0.05 },
    { seed: 23, largeShare: 0.4 },
  ])('is within 2 points of it in every hour: %j', async (scenario) => {
    const hours = await runDay(scenario);
    expect(offPoints(hours, scenario.largeShare)).toBeLessThanOrEqual(2);
    expect(offPoints(hours, scenario.largeShare, fixedShareOf)).toBeGreaterThan(4);
    expect(sum(hours, ({ refused }) => refused)).toBe(0);
  });

  it('is so through three routers that know nothing of each other', async () => {
    expect(offPoints(await runDay({ seed: 24, largeShare: 0.2, routers: 3 }), 0.2)).toBeLessThanOrEqual(2);
  });
});

describe('an hour in which the large pool has one replica of four', () => {
  it('has requests moved before any is turned away, and nothing is made up for when it is over', async () => {
    const outage = { fromHour: 14, toHour: 15, replicas: 1 };
    const scenario = { seed: 25, largeShare: 0.3, perSecondMax: 2, hours: [13, 16] as const, outage };
    const hours = await runDay(scenario);
    expect(sum(hours, ({ refused }) => refused)).toBe(0);
    expect(sum(hours.slice(1, 2), ({ moved }) => moved)).toBeGreaterThan(300);
    expect(offPoints(hours.slice(2), 0.3)).toBeLessThanOrEqual(2);
    const blind = await runDay({ ...scenario, waits: false });
    expect(sum(blind, ({ refused }) => refused)).toBeGreaterThan(100);
  });
});
