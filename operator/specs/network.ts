import type { INetworkPolicyEgressRule } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyEgressRule';
import type { INetworkPolicyPeer } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer';
import type { Integrations } from './capabilities.ts';

/** Wherever the cluster's name servers are: in a pod, or in a cache of each node, which no selector names. */
export const nameResolution: INetworkPolicyEgressRule = {
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

/** Prometheus as its operator and its charts label it, in whatever namespace. */
const prometheus: INetworkPolicyPeer = {
  namespaceSelector: {},
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
};

export const scrapersOf = ({ scrapers }: Integrations): INetworkPolicyPeer[] =>
  scrapers === undefined ? [prometheus] : [...scrapers];
