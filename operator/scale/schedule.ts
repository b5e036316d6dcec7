import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { weekdays } from '@qwenfleet/crds/qwendeployment/scaling';
import type { ScaleSpec } from './types.ts';

type ScheduleFields = NonNullable<NonNullable<QwenDeployment['spec']['scaling']>['schedules']>[number];
type Weekday = (typeof weekdays)[number];

/** Bounds that hold while the wall clock of a time zone shows certain hours. */
export type Schedule = {
  timezone: string;
  /** Days on which it begins; undefined means every day. */
  days: readonly Weekday[] | undefined;
  /** Minutes since midnight. An end at or before the start is on the next day. */
  startMinute: number;
  endMinute: number;
  minReplicas: number | undefined;
  maxReplicas: number | undefined;
  /** `08:00 to 18:00 Europe/Berlin` */
  text: string;
};

/** Time zones whose formatters are kept; one more empties the shelf. */
const zonesMax = 64;
const formatters = new Map<string, Intl.DateTimeFormat | undefined>();

/** A schedule of the spec with its hours counted. */
export function scheduleOf({ timezone, days, start, end, minReplicas, maxReplicas }: ScheduleFields): Schedule {
  return {
    timezone,
    days: days && days.length > 0 ? days : undefined,
    startMinute: minuteOf(start),
    endMinute: minuteOf(end),
    minReplicas,
    maxReplicas,
    text: `${start} to ${end} ${timezone}`,
  };
}

/**
 * The spec with the bounds of this moment: those of the first schedule that holds, else its own. A schedule is about
 * what a wall clock shows, so an hour that summer time skips begins late and one that winter time repeats lasts twice.
 *
 * @example decide(state, observation, inForce(spec, clock.epochMs()), clock.nowMs())
 */
export function inForce(spec: ScaleSpec, epochMs: number): ScaleSpec {
  const schedule = spec.schedules.find((candidate) => holdsAt(candidate, epochMs));
  if (!schedule) return spec;
  // Where a schedule names one bound only, that one wins over the other of the spec.
  const minReplicas = schedule.minReplicas ?? Math.min(spec.minReplicas, schedule.maxReplicas ?? Infinity);
  const maxReplicas = schedule.maxReplicas ?? Math.max(spec.maxReplicas, schedule.minReplicas ?? 0);
  return { ...spec, minReplicas, maxReplicas, boundsFrom: schedule.text };
}

/** The schedule in force that allows no replica at all, in words; undefined while some are allowed. */
export const closedBy = ({ maxReplicas, boundsFrom }: ScaleSpec): string | undefined =>
  maxReplicas === 0 ? boundsFrom : undefined;

/** Schedules that can never hold, in words, for a condition: their time zone is not in the IANA list. */
export const scheduleProblems = (schedules: readonly { timezone: string }[]): string[] =>
  schedules
    .filter(({ timezone }) => formatterOf(timezone) === undefined)
    .map(({ timezone }) => `time zone "${timezone}" is unknown, so its schedule never holds`);

function holdsAt({ timezone, days, startMinute, endMinute }: Schedule, epochMs: number): boolean {
  const wall = wallClock(timezone, epochMs);
  if (!wall) return false;
  const beginsOn = (day: number): boolean => !days || days.some((name) => name === weekdays[(day + 7) % 7]);
  const { day, minute } = wall;
  if (startMinute < endMinute) return beginsOn(day) && minute >= startMinute && minute < endMinute;
  return (beginsOn(day) && minute >= startMinute) || (beginsOn(day - 1) && minute < endMinute);
}

/** Day of the week, 0 for Monday, and minutes since midnight, as a clock on a wall there shows them. */
function wallClock(timezone: string, epochMs: number): { day: number; minute: number } | undefined {
  const formatter = formatterOf(timezone);
  if (!formatter) return undefined;
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter.formatToParts(epochMs)) parts[type] = value;
  return {
    day: weekdays.findIndex((name) => name === parts['weekday']),
    minute: Number(parts['hour']) * 60 + Number(parts['minute']),
  };
}

function formatterOf(timeZone: string): Intl.DateTimeFormat | undefined {
  if (!formatters.has(timeZone)) {
    if (formatters.size >= zonesMax) formatters.clear();
    formatters.set(timeZone, newFormatter(timeZone));
  }
  return formatters.get(timeZone);
}

function newFormatter(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    const shown = { weekday: 'short', hour: '2-digit', minute: '2-digit' } as const;
    return new Intl.DateTimeFormat('en-US', { ...shown, hourCycle: 'h23', timeZone });
  } catch {
    return undefined;
  }
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}
