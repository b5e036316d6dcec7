import { leastLoaded } from './least-load/choose.ts';
import { byKey } from './prefix-hash/choose.ts';
import type { ReplicaPolicy } from './replica.ts';

/** A request with a key goes to its replica, others to the least busy one. What all ways to choose promise is in the test beside this. */
export const chooseReplica: ReplicaPolicy = (replicas, { key, loadFactor }) =>
  key === undefined ? leastLoaded(replicas) : byKey(replicas, { key, loadFactor });
