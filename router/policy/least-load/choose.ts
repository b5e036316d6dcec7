import { hasRoom, type ReplicaView } from '../replica.ts';

/**
 * The replica that does least for its weight; of equals the one that was asked longest ago, so that few requests, and
 * several routers with few requests each, do not all meet at the first.
 */
export function leastLoaded<T extends ReplicaView>(replicas: readonly T[]): T | undefined {
  return replicas
    .filter(hasRoom)
    .reduce<T | undefined>((best, replica) => (best && !isBetter(replica, best) ? best : replica), undefined);
}

function isBetter(one: ReplicaView, other: ReplicaView): boolean {
  const difference = load(one) - load(other);
  return difference === 0 ? one.askedLast < other.askedLast : difference < 0;
}

/** A replica with a tenth of the weight is as busy with one request as a whole one with ten. */
const load = ({ inFlight, weight }: ReplicaView): number => inFlight / weight;
