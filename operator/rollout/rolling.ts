/** Replicas of one side of a rollout: wanted of its workload, existing, and answering. */
export type Side = { wanted: number; existing: number; ready: number };

export type RollingInput = {
  /** Replicas that the pool should have in all. */
  desired: number;
  next: Side;
  /** All older revisions together. */
  previous: Side;
  maxSurge: number;
  maxUnavailable: number;
};

/**
 * How many replicas fewer than wanted may answer during a rollout. Neither surge nor gap would never move; the API
 * refuses it, and so do we.
 */
export const gapOf = ({ maxSurge, maxUnavailable }: Pick<RollingInput, 'maxSurge' | 'maxUnavailable'>): number =>
  maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable;

/**
 * How many replicas the new revision and the older ones should be told to have now, so that never more than
 * `desired + maxSurge` exist and never fewer than `desired - maxUnavailable` answer but for failures. With no surge the
 * old ones go first: a spare accelerator is rare. Pure; called again whenever anything has moved.
 */
export function rollingSizes({ desired, next, previous, maxSurge, maxUnavailable }: RollingInput): {
  next: number;
  previous: number;
} {
  if (previous.wanted === 0 && previous.existing === 0) return { next: desired, previous: 0 };
  const availableMin = Math.max(0, desired - gapOf({ maxSurge, maxUnavailable }));
  const stillNeeded = Math.max(0, availableMin - next.ready);
  const old = Math.min(previous.wanted, stillNeeded);
  const room = desired + maxSurge - Math.max(previous.existing, previous.wanted);
  return { next: Math.min(desired, Math.max(Math.min(next.wanted, desired), room)), previous: old };
}
