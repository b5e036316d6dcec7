import { z } from 'zod';
import { latencyHistogramSchema } from './histogram.ts';

/** Requests that the router has for one pool; the scaler's signal. */
export const poolLoadSchema = z.strictObject({
  /** Sent to a replica and not yet finished. */
  inFlight: z.int().nonnegative(),
  /** Waiting because no replica is ready or every one is full. */
  held: z.int().nonnegative(),
  /** Milliseconds since the last request ended or arrived; undefined when there was none. */
  idleMs: z.number().nonnegative().optional(),
  /** Sent to a replica since the router started; another attempt at the same request counts again. */
  requestsTotal: z.int().nonnegative(),
});
export type PoolLoad = z.infer<typeof poolLoadSchema>;

/** How answers turned out since the router started: what a canary is judged by. */
const outcomeShape = {
  /** Attempts that ended in a 5xx, without an answer, or in the middle of one. */
  errorsTotal: z.int().nonnegative(),
  /** Time from sending a streamed request to a replica to the first byte of its answer. */
  firstByte: latencyHistogramSchema,
} as const;

export const revisionReportSchema = z.strictObject({
  /** Percent of the pool's requests that it gets by the configuration in force; absent while that names no weights. */
  weight: z.number().min(0).max(100).optional(),
  inFlight: z.int().nonnegative(),
  requestsTotal: z.int().nonnegative(),
  ...outcomeShape,
});
export type RevisionReport = z.infer<typeof revisionReportSchema>;

/** A pool's load and outcomes, and the same for each revision among its replicas. */
export const poolReportSchema = poolLoadSchema.extend({
  ...outcomeShape,
  revisions: z.record(z.string(), revisionReportSchema),
});
export type PoolReport = z.infer<typeof poolReportSchema>;

/** The body of a router's GET /load. */
export const routerLoadSchema = z.strictObject({ pools: z.record(z.string(), poolReportSchema) });
export type RouterLoad = z.infer<typeof routerLoadSchema>;
