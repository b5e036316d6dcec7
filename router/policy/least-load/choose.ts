/** A replica at the moment of a choice. */
export type ReplicaView = {
  inFlight: number;
  /** Requests that it answers at once. */
  concurrency: number;
};

/** The replica that does least, of equals the first; undefined when every one is full. Pure. */
export function leastLoaded<T extends ReplicaView>(replicas: readonly T[]): T | undefined {
  return replicas
    .filter((replica) => replica.inFlight < replica.concurrency)
    .reduce<T | undefined>((best, replica) => (best && best.inFlight <= replica.inFlight ? best : replica), undefined);
}
