import { added, emptyHistogram, since, type LatencyHistogram } from '@qwenfleet/core/load/histogram';
import type { RevisionReport } from '@qwenfleet/core/load/pool-report';

/** How one revision answered for a while, as routers counted it. */
export type Arm = {
  /** Requests that ended, however they did. */
  requests: number;
  errors: number;
  /** Of streamed requests only. */
  firstByte: LatencyHistogram;
};

export const emptyArm = (): Arm => ({ requests: 0, errors: 0, firstByte: emptyHistogram() });

export const addedArms = (a: Arm, b: Arm): Arm => ({
  requests: a.requests + b.requests,
  errors: a.errors + b.errors,
  firstByte: added(a.firstByte, b.firstByte),
});

/** What one router saw of a revision between two of its reports. */
export function armBetween(later: RevisionReport, earlier: RevisionReport | undefined): Arm {
  const all: Arm = { requests: ended(later), errors: later.errorsTotal, firstByte: later.firstByte };
  // Totals that fell are those of a router that started again, or that had forgotten the revision.
  if (!earlier || later.requestsTotal < earlier.requestsTotal || later.errorsTotal < earlier.errorsTotal) return all;
  return {
    requests: Math.max(0, all.requests - ended(earlier)),
    errors: later.errorsTotal - earlier.errorsTotal,
    firstByte: since(later.firstByte, earlier.firstByte),
  };
}

/** A request that still runs is no success yet. */
const ended = ({ requestsTotal, inFlight }: RevisionReport): number => Math.max(0, requestsTotal - inFlight);
