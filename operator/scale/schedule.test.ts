import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scalingSchema } from '@qwenfleet/crds/qwendeployment/scaling';
import { inForce, scheduleProblems } from './schedule.ts';
import { scaleSpecOf } from './spec.ts';
import type { ScaleSpec } from './types.ts';

type Fields = {
  start: string;
  end: string;
  timezone?: string;
  days?: string[];
  minReplicas?: number;
  maxReplicas?: number;
};
const specWith = (...schedules: Fields[]): ScaleSpec =>
  scaleSpecOf(scalingSchema.parse({ minReplicas: 1, maxReplicas: 4, schedules }), 16);
const at = (iso: string): number => Date.parse(iso);
const minAt = (spec: ScaleSpec, iso: string): number => inForce(spec, at(iso)).minReplicas;

describe('a schedule', () => {
  const office = specWith({
    timezone: 'Europe/Berlin',
    days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'],
    start: '08:00',
    end: '18:00',
    minReplicas: 3,
  });

  it.each([
    ['2026-11-24T06:59:59Z', 1, 'a Tuesday, 07:59:59 there'],
    ['2026-11-24T07:00:00Z', 3, '08:00 there: the start counts'],
    ['2026-11-24T16:59:59Z', 3, '17:59:59 there'],
    ['2026-11-24T17:00:00Z', 1, '18:00 there: the end does not'],
    ['2026-11-28T12:00:00Z', 1, 'a Saturday'],
    ['2026-07-21T06:00:00Z', 3, '08:00 in summer is an hour earlier'],
  ])('at %s asks for at least %d: %s', (iso, wanted) => {
    expect(minAt(office, iso)).toBe(wanted);
  });

  it('says which hours its bounds come from', () => {
    expect(inForce(office, at('2026-11-24T12:00:00Z')).boundsFrom).toBe('08:00 to 18:00 Europe/Berlin');
    expect(inForce(office, at('2026-11-24T20:00:00Z'))).toBe(office);
  });

  it('over midnight belongs to the day on which it begins', () => {
    const night = specWith({ days: ['Fri'], start: '22:00', end: '06:00', maxReplicas: 9 });
    const maxAt = (iso: string): number => inForce(night, at(iso)).maxReplicas;
    expect([maxAt('2026-11-27T21:59:00Z'), maxAt('2026-11-27T22:00:00Z')], 'Friday evening').toEqual([4, 9]);
    expect([maxAt('2026-11-28T05:59:00Z'), maxAt('2026-11-28T06:00:00Z')], 'Saturday morning').toEqual([9, 4]);
    expect(maxAt('2026-11-27T03:00:00Z'), 'Friday before dawn is Thursday night').toBe(4);
    const sunday = specWith({ days: ['Sun'], start: '22:00', end: '06:00', maxReplicas: 9 });
    expect(inForce(sunday, at('2026-11-30T01:00:00Z')).maxReplicas, 'the week wraps round').toBe(9);
  });

  it('that ends when it begins lasts a whole day', () => {
    const monday = specWith({ days: ['Mon'], start: '09:00', end: '09:00', minReplicas: 2 });
    expect(minAt(monday, '2026-11-23T08:59:00Z')).toBe(1);
    expect(minAt(monday, '2026-11-23T09:00:00Z')).toBe(2);
    expect(minAt(monday, '2026-11-24T08:59:00Z')).toBe(2);
    expect(minAt(monday, '2026-11-24T09:00:00Z')).toBe(1);
  });

  it('gives way to an earlier one of the list', () => {
    const both = specWith(
      { start: '12:00', end: '13:00', minReplicas: 2 },
      { start: '08:00', end: '18:00', minReplicas: 3 },
    );
    expect([minAt(both, '2026-11-24T12:30:00Z'), minAt(both, '2026-11-24T13:30:00Z')]).toEqual([2, 3]);
  });

  it('with one bound moves the other out of its way', () => {
    const noon = '2026-11-24T12:00:00Z';
    const hours = { start: '00:00', end: '00:00' };
    expect(inForce(specWith({ ...hours, minReplicas: 7 }), at(noon))).toMatchObject({ minReplicas: 7, maxReplicas: 7 });
    expect(inForce(specWith({ ...hours, maxReplicas: 0 }), at(noon))).toMatchObject({ minReplicas: 0, maxReplicas: 0 });
    expect(specWith({ ...hours, minReplicas: 0 }).scaleToZeroAfterMs, 'it may reach zero then').toBe(600_000);
  });

  it('of a time zone that does not exist never holds, and is named', () => {
    const mars = specWith({ timezone: 'Mars/Base', start: '00:00', end: '00:00', minReplicas: 3 });
    expect(minAt(mars, '2026-11-24T12:00:00Z')).toBe(1);
    expect(scheduleProblems(mars.schedules)).toEqual(['time zone "Mars/Base" is unknown, so its schedule never holds']);
    expect(scheduleProblems(office.schedules)).toEqual([]);
  });
});

describe('a change of the clocks', () => {
  const between = (start: string, end: string): ScaleSpec =>
    specWith({ timezone: 'Europe/Berlin', start, end, minReplicas: 3 });
  const heldMinutes = (spec: ScaleSpec, fromIso: string, hours: number): number => {
    let minutes = 0;
    for (let minute = 0; minute < hours * 60; minute += 1) {
      if (inForce(spec, at(fromIso) + minute * 60_000).minReplicas === 3) minutes += 1;
    }
    return minutes;
  };

  it('that skips an hour starts late what would begin in it', () => {
    // 29 March 2026: 01:59 is followed by 03:00.
    expect(heldMinutes(between('02:30', '04:00'), '2026-03-28T23:00:00Z', 6)).toBe(60);
    expect(heldMinutes(between('02:00', '03:00'), '2026-03-28T23:00:00Z', 6)).toBe(0);
  });

  it('that repeats an hour lets it count twice', () => {
    // 25 October 2026: 02:59 is followed by 02:00.
    expect(heldMinutes(between('02:00', '03:00'), '2026-10-24T22:00:00Z', 6)).toBe(120);
  });

  it('does not move a schedule on any other day of the year', () => {
    const spec = between('08:00', '18:00');
    const days = fc.integer({ min: 0, max: 364 });
    fc.assert(
      fc.property(days, (day) => {
        const midnightUtc = at('2026-01-01T00:00:00Z') + day * 86_400_000;
        // Neither change of the clocks is between 8 and 18 o'clock.
        return heldMinutes(spec, new Date(midnightUtc).toISOString(), 24) === 600;
      }),
      { seed: 3, numRuns: 20 },
    );
  });
});
