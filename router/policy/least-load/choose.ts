/** A replica at the moment of a choice. */
export type ReplicaView = {
  id: string;
  inFlight: number;
  /** Requests that it answers at once. */
  concurrency: number;
  /** Until then it is left alone, because it failed. */
  shutOutUntilMs: number;
  draining: boolean;
};

/** The replica with the most room, of equals the first; undefined when none may be asked now. Pure. */
export function leastLoaded<T extends ReplicaView>(replicas: readonly T[], nowMs: number): T | undefined {
  return replicas
    .filter((replica) => !replica.draining && replica.shutOutUntilMs <= nowMs && replica.inFlight < replica.concurrency)
    .reduce<T | undefined>((best, replica) => (best && best.inFlight <= replica.inFlight ? best : replica), undefined);
}
