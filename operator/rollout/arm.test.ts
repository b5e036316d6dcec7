import { emptyHistogram, observe } from '@qwenfleet/core/load/histogram';
import type { RevisionReport } from '@qwenfleet/core/load/pool-report';
import { describe, expect, it } from 'vitest';
import { addedArms, armBetween, emptyArm } from './arm.ts';

const report = (requestsTotal: number, errorsTotal = 0, inFlight = 0): RevisionReport => {
  const firstByte = emptyHistogram();
  for (let at = 0; at < requestsTotal; at += 1) observe(firstByte, 100);
  return { requestsTotal, errorsTotal, inFlight, firstByte };
};

describe('what a router saw of a revision between two reports', () => {
  it('is the later without the earlier', () => {
    const arm = armBetween(report(30, 3), report(10, 1));
    expect(arm).toMatchObject({ requests: 20, errors: 2, firstByte: report(20).firstByte });
  });

  it('is all of it where the router had not heard of the revision', () => {
    expect(armBetween(report(4, 4), undefined)).toMatchObject({ requests: 4, errors: 4 });
  });

  it('holds requests that have ended, so that those which hang are no successes', () => {
    expect(armBetween(report(30, 0, 12), report(10, 0, 10)).requests).toBe(18);
  });

  it('is what it has counted since, when it started again', () => {
    expect(armBetween(report(5, 2), report(900, 1))).toMatchObject({ requests: 5, errors: 2 });
  });
});

it('several routers are one arm', () => {
  const [a, b] = [armBetween(report(3, 1), undefined), armBetween(report(4), undefined)];
  expect(addedArms(addedArms(emptyArm(), a), b)).toMatchObject({
    requests: 7,
    errors: 1,
    firstByte: report(7).firstByte,
  });
});
