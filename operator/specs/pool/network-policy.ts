import type { INetworkPolicyEgressRule } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyEgressRule';
import type { INetworkPolicyIngressRule } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyIngressRule';
import type { INetworkPolicySpec } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec';
import { exportOf, type Integrations } from '../capabilities.ts';
import { operatorLabels, poolLabels, poolSelector, routerLabel } from '../labels.ts';
import { nameResolution, scrapersOf } from '../network.ts';
import { portOf } from '../weights/endpoint.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** Routers ask, the operator administers, Prometheus scrapes; replicas reach what they pull from, and nothing else. */
export function networkPolicy(pool: Pool, integrations: Integrations): KubeObject<{ spec: INetworkPolicySpec }> {
  const { deployment, name, resolved } = pool;
  const head = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    name,
    labels: poolLabels(name, resolved.tier),
  };
  return child(deployment, head, {
    spec: {
      podSelector: { matchLabels: poolSelector(name) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: ingressOf(pool, integrations),
      egress: egressOf(pool),
    },
  });
}

function ingressOf(pool: Pool, integrations: Integrations): INetworkPolicyIngressRule[] {
  return [
    {
      from: [
        { podSelector: { matchExpressions: [{ key: routerLabel, operator: 'Exists' }] } },
        { namespaceSelector: {}, podSelector: { matchLabels: operatorLabels } },
      ],
      ports: [{ port: 'http', protocol: 'TCP' }],
    },
    { from: scrapersOf(integrations), ports: [{ port: pool.engine.metricsPort, protocol: 'TCP' }] },
    ...(pool.parallelism.nodes > 1 ? [{ from: [{ podSelector: { matchLabels: poolSelector(pool.name) } }] }] : []),
    ...gatewayIngress(pool, integrations),
  ];
}

/** An exported pool is asked by the gateway's proxies, and looked at by the endpoint picker in its own namespace. */
function gatewayIngress({ deployment, capabilities }: Pool, integrations: Integrations): INetworkPolicyIngressRule[] {
  const { gateway } = exportOf(capabilities, integrations) ?? {};
  if (!gateway) return [];
  const namespace = gateway.namespace ?? namespaceOf(deployment);
  return [
    {
      from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }, { podSelector: {} }],
      ports: [{ port: 'http', protocol: 'TCP' }],
    },
  ];
}

/** By which engines are told where traces go. */
const collectorVariable = 'OTEL_EXPORTER_OTLP_ENDPOINT';

function egressOf({ weights, parallelism, name, deployment }: Pool): INetworkPolicyEgressRule[] {
  const collector = deployment.spec.engine.env?.find((variable) => variable.name === collectorVariable)?.value;
  const port = portOf(collector ?? '');
  const egress = weights.egress === 'any' || port === undefined ? weights.egress : [...weights.egress, port];
  const group = [{ to: [{ podSelector: { matchLabels: poolSelector(name) } }] }];
  const others = parallelism.nodes > 1 ? [...group, nameResolution] : [];
  if (egress === 'any') return [{}];
  if (egress.length === 0) return others;
  return [
    ...(parallelism.nodes > 1 ? group : []),
    nameResolution,
    { ports: egress.map((port) => ({ port, protocol: 'TCP' })) },
  ];
}
