import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IServiceSpec } from 'kubernetes-models/v1/ServiceSpec';
import { httpPort } from '../engine/engine.ts';
import { poolLabels, servingSelector } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** Named like the pool. Its EndpointSlices carry its labels, by which routers find them. */
export function service({ deployment, name, resolved }: Pool): KubeObject<{ spec: IServiceSpec }> {
  const head = { apiVersion: 'v1', kind: 'Service', name, labels: poolLabels(name, resolved.tier) };
  return child(deployment, head, {
    spec: {
      type: 'ClusterIP',
      selector: servingSelector(name),
      ports: [{ name: 'http', port: httpPort, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' }],
    },
  });
}

/** Where the pool answers inside the cluster. */
export const serviceUrl = (deployment: QwenDeployment): string =>
  `http://${deployment.metadata.name}.${namespaceOf(deployment)}.svc:${httpPort}`;
