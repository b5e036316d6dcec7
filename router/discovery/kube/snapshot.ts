import type { Endpoint, EndpointSnapshot, PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import { revisionOfPod } from '@qwenfleet/core/fleet/revision-name';
import { isWakeable } from '@qwenfleet/crds/qwendeployment/wakeable';
import { z } from 'zod';

/** The parts of a discovery.k8s.io/v1 EndpointSlice that matter here. */
export const endpointSliceSchema = z.object({
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).min(1),
        conditions: z
          .object({
            ready: z.boolean().nullish(),
            serving: z.boolean().nullish(),
            terminating: z.boolean().nullish(),
          })
          .default({}),
        targetRef: z.object({ name: z.string(), uid: z.string() }).nullish(),
      }),
    )
    .nullish(),
  ports: z.array(z.object({ name: z.string().nullish(), port: z.int().nullish() })).nullish(),
});
export type EndpointSlice = z.infer<typeof endpointSliceSchema>;

/** The parts of a QwenDeployment that say whether its pool is on its way. */
export const poolObjectSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    suspend: z.boolean().default(false),
    paused: z.boolean().default(false),
    engine: z.object({ type: z.string().optional(), url: z.string().optional() }).default({}),
    scaling: z
      .object({
        owner: z.string().default('Internal'),
        mode: z.string().default('Enforce'),
        minReplicas: z.int().default(0),
        schedules: z.array(z.object({ minReplicas: z.int().optional() })).optional(),
      })
      .optional(),
  }),
  status: z
    .object({
      scaling: z.object({ desired: z.int().optional() }).optional(),
      rollout: z
        .object({
          currentRevision: z.string().optional(),
          replicas: z.array(z.object({ revision: z.string(), host: z.string().optional() })).optional(),
        })
        .optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }))
        .optional(),
    })
    .optional(),
});
export type PoolObject = z.infer<typeof poolObjectSchema>;

/** By which EndpointSlices name their Service. */
export const serviceLabel = 'kubernetes.io/service-name';
/** Reasons of `Ready` that say that waiting is in vain, unless somebody acts. */
const hopeless = new Set([
  'Suspended',
  'OutOfHours',
  'AuthFailed',
  'NotFound',
  'DigestMismatch',
  'LoadFailed',
  'NotImplemented',
  'NameConflict',
]);

/** Where the pools' servers are, from what the API server says. Pure. */
export function snapshotOf(
  pools: readonly PoolObject[],
  slices: readonly EndpointSlice[],
  generation: number,
): EndpointSnapshot {
  return {
    generation,
    pools: Object.fromEntries(pools.map((pool) => [pool.metadata.name, endpointsOf(pool, slices)])),
  };
}

function endpointsOf(pool: PoolObject, slices: readonly EndpointSlice[]): PoolEndpoints {
  const { metadata, spec, status } = pool;
  if (spec.engine.type === 'external') {
    const url = spec.engine.url ?? '';
    return { endpoints: [{ id: metadata.name, url, state: 'ready' }], desired: 1, starting: 0, wakeable: false };
  }
  const own = slices.filter(({ metadata: slice }) => slice.labels[serviceLabel] === metadata.name);
  const endpoints = unique(own.flatMap((slice) => endpointsOfSlice(slice, metadata.name)));
  const ready = endpoints.filter(({ state }) => state === 'ready').length;
  const desired = status?.scaling?.desired ?? ready;
  const problem = ready > 0 ? undefined : problemOf(pool);
  return {
    endpoints,
    desired,
    starting: spec.suspend ? 0 : Math.max(0, desired - ready),
    wakeable: isWakeable(spec),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** In words, when a pool without a ready replica will not get one by itself. */
function problemOf({ spec, status }: PoolObject): string | undefined {
  if (spec.suspend) return 'the pool is suspended';
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  return condition?.status === 'False' && hopeless.has(condition.reason) ? condition.message : undefined;
}

/** A pod that is going finishes what it has, and gets nothing new: its own mark counts, not its leaving the list. */
function endpointsOfSlice({ endpoints, ports }: EndpointSlice, pool: string): Endpoint[] {
  const port = ports?.find(({ name }) => name === 'http')?.port ?? ports?.[0]?.port;
  if (port === undefined || port === null) return [];
  return (endpoints ?? []).flatMap(({ addresses: [address], conditions, targetRef }): Endpoint[] => {
    if (address === undefined) return [];
    const revision = targetRef ? revisionOfPod(pool, targetRef.name) : undefined;
    const at = {
      id: targetRef?.uid ?? address,
      url: `http://${host(address)}:${port}`,
      ...(revision === undefined ? {} : { revision }),
    };
    if (conditions.terminating === true) return conditions.serving === true ? [{ ...at, state: 'draining' }] : [];
    return conditions.ready === false ? [] : [{ ...at, state: 'ready' }];
  });
}

const host = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** While slices are being merged, a pod may stand in two of them. */
const unique = (endpoints: readonly Endpoint[]): Endpoint[] => [
  ...new Map(endpoints.map((endpoint) => [endpoint.id, endpoint])).values(),
];
