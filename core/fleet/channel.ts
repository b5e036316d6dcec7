import { z } from 'zod';
import { poolReportSchema } from '../load/pool-report.ts';
import { endpointSnapshotSchema } from './endpoints.ts';
import { routerConfigSchema } from './router-config.ts';

/**
 * What the local substrate and its children say to each other over Node's IPC channel.
 * A child whose channel closes has lost its parent and ends itself: nothing is left running.
 */
export const toChildSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('endpoints'), snapshot: endpointSnapshotSchema }),
  z.strictObject({ type: z.literal('config'), config: routerConfigSchema }),
  /** Finish what runs, take nothing new, exit 0; sent before SIGTERM would be. */
  z.strictObject({ type: z.literal('drain') }),
]);
export type ToChild = z.infer<typeof toChildSchema>;

export const fromChildSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('listening'), url: z.url() }),
  z.strictObject({ type: z.literal('progress'), phase: z.string(), done: z.number(), total: z.number() }),
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('failed'), code: z.string(), message: z.string() }),
  /** From the router, a few times a second while anything changes. */
  z.strictObject({ type: z.literal('load'), pools: z.record(z.string(), poolReportSchema) }),
  /** From the router, at once: a request waits for a pool that has no replica. */
  z.strictObject({ type: z.literal('wake'), pool: z.string() }),
]);
export type FromChild = z.infer<typeof fromChildSchema>;
