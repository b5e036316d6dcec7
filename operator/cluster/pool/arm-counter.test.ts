import { emptyHistogram } from '@qwenfleet/core/load/histogram';
import type { PoolReport } from '@qwenfleet/core/load/pool-report';
import { describe, expect, it } from 'vitest';
import { ArmCounter } from './arm-counter.ts';

/** What one router has counted of one revision since it started. */
const report = (requestsTotal: number, errorsTotal = 0, revision = 'b'): PoolReport => ({
  inFlight: 0,
  held: 0,
  requestsTotal,
  errorsTotal,
  firstByte: emptyHistogram(),
  revisions: { [revision]: { inFlight: 0, requestsTotal, errorsTotal, firstByte: emptyHistogram() } },
});
const reports = (of: Record<string, PoolReport>): ReadonlyMap<string, PoolReport> => new Map(Object.entries(of));

describe('results of a step', () => {
  it('begin where the step begins, and add up over routers', () => {
    const counter = new ArmCounter();
    counter.count('b.1.0', reports({ one: report(100, 50), two: report(10) }));
    const results = counter.count('b.1.0', reports({ one: report(130, 52), two: report(15, 1) }));
    expect(results).toMatchObject({ step: 'b.1.0', byRevision: { b: { requests: 35, errors: 3 } } });
    const next = counter.count('b.1.1', reports({ one: report(140, 52), two: report(15, 1) }));
    expect(next).toEqual({ step: 'b.1.1', byRevision: {} });
  });

  it('count nothing twice, however often they are asked for', () => {
    const counter = new ArmCounter();
    counter.count('s', reports({ one: report(0) }));
    const later = reports({ one: report(7) });
    for (let round = 0; round < 3; round += 1) counter.count('s', later);
    expect(counter.count('s', later)?.byRevision['b']?.requests).toBe(7);
  });

  it('hold all of a revision that a known router had not heard of', () => {
    const counter = new ArmCounter();
    counter.count('s', reports({ one: report(90, 0, 'a') }));
    expect(counter.count('s', reports({ one: report(4, 4) }))?.byRevision['b']).toMatchObject({
      requests: 4,
      errors: 4,
    });
  });

  it('begin with the first word of a router that comes later, and keep those of one that goes or restarts', () => {
    const counter = new ArmCounter();
    counter.count('s', reports({ one: report(0) }));
    counter.count('s', reports({ one: report(10), two: report(900, 900) }));
    const results = counter.count('s', reports({ two: report(901, 900) }));
    expect(results?.byRevision['b']).toMatchObject({ requests: 11, errors: 0 });
    expect(counter.count('s', reports({ two: report(3, 1) }))?.byRevision['b']).toMatchObject({
      requests: 14,
      errors: 1,
    });
  });

  it('are unknown while no router says anything, and between steps', () => {
    const counter = new ArmCounter();
    expect(counter.count('s', reports({}))).toBeUndefined();
    expect(counter.count(undefined, reports({ one: report(1) }))).toBeUndefined();
  });
});
