/** How a replica did with a request. */
export type Outcome =
  /** It answered as a healthy server does, whatever it said. */
  | { kind: 'answered' }
  /** The client left, or the router ended it: says nothing of the replica. */
  | { kind: 'left' }
  /** It says that it cannot now (429, 503). */
  | { kind: 'busy'; retryAfterMs: number | undefined; status: number }
  /** It is there and failed (500, 502, 504): the request may be to blame. */
  | { kind: 'erred' }
  /** It could not be reached, fell silent, or broke off in the middle. */
  | { kind: 'broken' };

/** Does it count as an error of the pool? A 429 is load, and a client that leaves is nobody's fault. */
export const isError = (outcome: Outcome): boolean =>
  outcome.kind === 'erred' || outcome.kind === 'broken' || (outcome.kind === 'busy' && outcome.status >= 500);
