import type { LeaseSpec } from './lease.ts';

/** A lease's record, and when by our own monotonic clock we first saw it so. */
export type Observed = { spec: LeaseSpec; sinceMs: number };

export type Terms = {
  identity: string;
  /** After this without a renewal others may take over. */
  leaseMs: number;
};

/** Keeps the time of the first sight while the record stays the same: the writer's own clock is never trusted. */
export function observe(before: Observed | undefined, spec: LeaseSpec, nowMs: number): Observed {
  const same = before !== undefined && JSON.stringify(before.spec) === JSON.stringify(spec);
  return same ? before : { spec, sinceMs: nowMs };
}

/** Whether somebody else holds it, as far as we can know. */
export function isHeldByOther({ spec, sinceMs }: Observed, identity: string, nowMs: number): boolean {
  if (spec.holderIdentity === undefined || spec.holderIdentity === '' || spec.holderIdentity === identity) return false;
  return nowMs < sinceMs + (spec.leaseDurationSeconds ?? 0) * 1000;
}

/** The record that takes the lease, or keeps it. */
export function heldSpec(before: LeaseSpec, { identity, leaseMs }: Terms, timestamp: string): LeaseSpec {
  const ours = before.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseMs / 1000),
    acquireTime: ours ? (before.acquireTime ?? timestamp) : timestamp,
    renewTime: timestamp,
    leaseTransitions: (before.leaseTransitions ?? 0) + (ours || before.holderIdentity === undefined ? 0 : 1),
  };
}

/** The record that lets the next one in at once. */
export const releasedSpec = (before: LeaseSpec, timestamp: string): LeaseSpec => ({
  ...before,
  holderIdentity: '',
  leaseDurationSeconds: 1,
  renewTime: timestamp,
});
