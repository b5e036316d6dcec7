import type { IServiceSpec } from 'kubernetes-models/v1/ServiceSpec';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import { routerLabels, routerSelector } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';

/** The endpoint, named like the router and at the port of its spec. */
export function service(router: QwenRouter): KubeObject<{ spec: IServiceSpec }> {
  const { name } = router.metadata;
  return child(
    router,
    { apiVersion: 'v1', kind: 'Service', name, labels: routerLabels(name) },
    {
      spec: {
        type: 'ClusterIP',
        selector: routerSelector(name),
        ports: [
          { name: 'http', port: router.spec.listen.port, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
        ],
      },
    },
  );
}

/** Where clients inside the cluster reach the router, without /v1. */
export const serviceUrl = (router: QwenRouter): string =>
  `http://${router.metadata.name}.${namespaceOf(router)}.svc:${router.spec.listen.port}`;
