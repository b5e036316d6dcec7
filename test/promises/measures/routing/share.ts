import { runDay } from '../../../simulation/day/day.ts';
import { fixedShareOf, offPoints } from '../../../simulation/day/report.ts';
import type { Measurement } from '../../promise.ts';

const share = 0.2;

/** Two seeded days of prompts, one through three routers: the hour that is furthest from the wanted share. */
export async function sharePoints(): Promise<Measurement> {
  const scenarios = [{ seed: 1 }, { seed: 2, routers: 3 }];
  const days = await Promise.all(scenarios.map((scenario) => runDay({ ...scenario, largeShare: share })));
  const fixed = Math.max(...days.map((hours) => offPoints(hours, share, fixedShareOf)));
  const requests = days.flat().reduce((sum, hour) => sum + hour.requests, 0);
  return {
    value: Math.max(...days.map((hours) => offPoints(hours, share))),
    details: `${days.length} days, ${requests} requests; the best fixed cost weight is off by up to ${fixed.toFixed(1)}`,
  };
}

/** Three hours, in one of which the large pool has one replica of four. */
export async function turnedAway(): Promise<Measurement> {
  const outage = { fromHour: 14, toHour: 15, replicas: 1 };
  const scenario = { seed: 4, largeShare: 0.3, perSecondMax: 2, hours: [13, 16] as const, outage };
  const [hours, blind] = await Promise.all([runDay(scenario), runDay({ ...scenario, waits: false })]);
  const refused = (of: typeof hours): number => of.reduce((sum, hour) => sum + hour.refused, 0);
  const moved = hours.reduce((sum, hour) => sum + hour.moved, 0);
  return { value: refused(hours), details: `${moved} were moved; without that ${refused(blind)} are turned away` };
}
