import type { IHTTPRouteSpec } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRouteSpec';
import type { Integrations } from '../capabilities.ts';
import { poolLabels } from '../labels.ts';
import { parentOf, pathPrefix, unhurried } from '../gateway.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** Header by which a client of the gateway asks for a pool without a router between. */
export const poolHeader = 'x-qwenfleet-pool';

/** The way from a gateway to the InferencePool of one pool. */
export function httpRoute(
  { deployment, name, resolved }: Pool,
  gateway: NonNullable<Integrations['gateway']>,
): KubeObject<{ spec: IHTTPRouteSpec }> {
  const labels = poolLabels(name, resolved.tier);
  const backend = { group: 'inference.networking.k8s.io', kind: 'InferencePool', name };
  return child(
    deployment,
    { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name, labels },
    {
      spec: {
        parentRefs: [parentOf(gateway)],
        rules: [
          {
            matches: [{ path: pathPrefix, headers: [{ type: 'Exact', name: poolHeader, value: name }] }],
            backendRefs: [backend],
            timeouts: unhurried,
          },
        ],
      },
    },
  );
}
