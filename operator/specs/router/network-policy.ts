import type { INetworkPolicySpec } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec';
import { httpPort } from '../engine/engine.ts';
import { deploymentLabel, routerLabels, routerSelector } from '../labels.ts';
import { nameResolution } from '../network.ts';
import { child, type KubeObject } from '../object.ts';
import type { RouterInput } from './router.ts';

/** Of its Service, and of the servers behind it: the API server is outside of what selectors can name. */
const apiServerPorts = [443, 6443];

/** Anybody may ask a router, since keys decide; a router reaches pools, the API server and external servers. */
export function networkPolicy({
  router,
  externalPorts,
}: Pick<RouterInput, 'router' | 'externalPorts'>): KubeObject<{ spec: INetworkPolicySpec }> {
  const { name } = router.metadata;
  const head = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name, labels: routerLabels(name) };
  const ports = [...new Set([...apiServerPorts, ...externalPorts])].toSorted((a, b) => a - b);
  return child(router, head, {
    spec: {
      podSelector: { matchLabels: routerSelector(name) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [{ port: 'http', protocol: 'TCP' }] }],
      egress: [
        {
          to: [{ podSelector: { matchExpressions: [{ key: deploymentLabel, operator: 'Exists' }] } }],
          ports: [{ port: httpPort, protocol: 'TCP' }],
        },
        nameResolution,
        { ports: ports.map((port) => ({ port, protocol: 'TCP' })) },
      ],
    },
  });
}
