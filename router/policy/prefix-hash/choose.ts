import { join } from '../hash.ts';
import { hasRoom, type ReplicaAsked, type ReplicaView } from '../replica.ts';

/**
 * Rendezvous hashing (Thaler and Ravishankar 1996) with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016):
 * each key has an order of the replicas, and its request goes to the first that is not loaded up to its bound. A replica
 * that comes takes its share from the others, one that leaves gives up what it had, and no other key moves. There is
 * nothing to remember, so routers that see the same replicas agree without talking. A replica that is new has a lower
 * bound, and what it may not take yet goes to where it went before.
 */
export function byKey<T extends ReplicaView>(
  replicas: readonly T[],
  { key, loadFactor }: ReplicaAsked & { key: number },
): T | undefined {
  const bounds = boundsOf(replicas, loadFactor);
  const free = replicas.filter(hasRoom);
  const bounded = free.filter((replica) => replica.inFlight < bounds(replica));
  // Only where all others are full may one go beyond its bound: a place that is free is worth more than an even load.
  return highest(bounded.length > 0 ? bounded : free, key);
}

/** A replica that has so much of its places to itself is not busy, whatever the others do: a full cache is worth more. */
const idleShare = 1 / 2;

/**
 * The most that a replica may have once one more request runs: its share of them all, times the load factor, and no less
 * than half of its places. At least 1.
 */
export function boundsOf(replicas: readonly ReplicaView[], loadFactor: number): (replica: ReplicaView) => number {
  const total = replicas.reduce((sum, { inFlight }) => sum + inFlight, 1);
  const weight = replicas.reduce((sum, replica) => sum + replica.weight, 0);
  const heaviest = Math.max(...replicas.map((replica) => replica.weight));
  return (replica) =>
    Math.max(
      Math.ceil(((loadFactor / 100) * total * replica.weight) / weight),
      Math.floor((replica.concurrency * idleShare * replica.weight) / heaviest),
    );
}

function highest<T extends ReplicaView>(replicas: readonly T[], key: number): T | undefined {
  let best: T | undefined;
  let bestScore = -Infinity;
  for (const replica of replicas) {
    const score = join(key, replica.hash);
    if (score <= bestScore) continue;
    best = replica;
    bestScore = score;
  }
  return best;
}
