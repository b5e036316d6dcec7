import type { IHTTPRouteSpec } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRouteSpec';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import type { Integrations } from '../capabilities.ts';
import { parentOf, pathPrefix, unhurried } from '../gateway.ts';
import { routerLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';

/** The way from a gateway to the router: the OpenAI API, and nothing of health, load or metrics. */
export function httpRoute(
  router: QwenRouter,
  gateway: NonNullable<Integrations['gateway']>,
): KubeObject<{ spec: IHTTPRouteSpec }> {
  const { name } = router.metadata;
  const head = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name, labels: routerLabels(name) };
  return child(router, head, {
    spec: {
      parentRefs: [parentOf(gateway)],
      rules: [
        {
          matches: [{ path: pathPrefix }],
          backendRefs: [{ name, port: router.spec.listen.port }],
          timeouts: unhurried,
        },
      ],
    },
  });
}
