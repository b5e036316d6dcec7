/** A replica at the moment of a choice. */
export type ReplicaView = {
  /** Of its name: the same at every router. */
  hash: number;
  inFlight: number;
  /** Requests that it answers at once. */
  concurrency: number;
  /** What it may be given beside the others, in (0, 1]: less than 1 while it is new. */
  weight: number;
  /** The request of the pool with which it was asked last, counted from 1; 0 when never. */
  askedLast: number;
};

/** What a choice knows of the request. */
export type ReplicaAsked = {
  /** Requests with the same key want the same replica; undefined where none is better than another. */
  key: number | undefined;
  /** Percent of the mean load that a replica may have before requests with a key go on to the next. */
  loadFactor: number;
};

/** Chooses among replicas; undefined when every one is full. Pure, and O(replicas). */
export type ReplicaPolicy = <T extends ReplicaView>(replicas: readonly T[], asked: ReplicaAsked) => T | undefined;

export const hasRoom = ({ inFlight, concurrency }: ReplicaView): boolean => inFlight < concurrency;
