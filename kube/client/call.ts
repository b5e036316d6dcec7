/** What Kubernetes calls the operation, in its audit log, its RBAC and in our metrics. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'apply' | 'delete';

/** One request to the API, before it has a connection. */
export type Call = {
  verb: Verb;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  /** Whether to send it again when nobody knows if it arrived. */
  idempotent: boolean;
  signal?: AbortSignal | undefined;
  /** Runs when the request is about to be written to its socket; a throw stops it. */
  beforeSend?: () => void;
};

/** From a call to its answer: the JSON, or a stream of bytes. */
export type Send<Answer = unknown> = (call: Call) => Promise<Answer>;

/** Retry, deadline, rate, metrics: each is a function from `Send` to `Send`. */
export type Wrap = <Answer>(send: Send<Answer>) => Send<Answer>;

/** The first is outermost. */
export const wrapped = <Answer>(send: Send<Answer>, wraps: readonly Wrap[]): Send<Answer> =>
  wraps.reduceRight((inner, wrap) => wrap(inner), send);

export const isWrite = ({ method }: Call): boolean => method !== 'GET';

export const describeCall = ({ verb, path }: Call): string => `${verb} ${path}`;
