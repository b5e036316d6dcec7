import { z } from 'zod';

export const endpointSchema = z.strictObject({
  /** Stable for the life of the process or pod, so that evidence about it is not inherited by the next one. */
  id: z.string().min(1),
  url: z.url(),
  state: z.enum(['ready', 'draining']),
  /** Which version of the pool this replica runs, where several do at once; see `weights` of the pool. */
  revision: z.string().min(1).max(63).optional(),
});
export type Endpoint = z.infer<typeof endpointSchema>;

/** Where each pool's servers are. The router keeps serving on the last one it got. */
export const endpointSnapshotSchema = z.strictObject({
  generation: z.int().nonnegative(),
  pools: z.record(
    z.string(),
    z.strictObject({
      endpoints: z.array(endpointSchema),
      /** Replicas wanted and replicas on their way. */
      desired: z.int().nonnegative(),
      starting: z.int().nonnegative(),
      /** May the pool be woken by a request? False while suspended. */
      wakeable: z.boolean(),
      /** Why nothing is ready, in words, when something is wrong. */
      problem: z.string().optional(),
    }),
  ),
});
export type EndpointSnapshot = z.infer<typeof endpointSnapshotSchema>;
export type PoolEndpoints = EndpointSnapshot['pools'][string];
