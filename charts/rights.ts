import type { z } from 'zod';
import type { integrationsSchema } from './values.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** One rule of a Role, and the reason why it is there. */
export type Right = {
  why: string;
  apiGroup: string;
  resources: readonly string[];
  verbs: readonly Verb[];
  /** Only objects with these names; all of them when left out. */
  names?: readonly string[];
};
export type Integration = keyof z.infer<typeof integrationsSchema>;

const read: readonly Verb[] = ['get', 'list', 'watch'];
const own: readonly Verb[] = [...read, 'create', 'patch', 'delete'];

/** What the operator does in every namespace that it serves. */
export const servedRights: readonly Right[] = [
  { why: 'what users want', apiGroup: 'qwenfleet.io', resources: ['qwendeployments', 'qwenrouters'], verbs: read },
  {
    why: 'what became of it',
    apiGroup: 'qwenfleet.io',
    resources: ['qwendeployments/status', 'qwenrouters/status'],
    verbs: ['patch'],
  },
  {
    why: 'the number of replicas in force, once, when another scaler takes a pool over',
    apiGroup: 'qwenfleet.io',
    resources: ['qwendeployments/scale'],
    verbs: ['patch'],
  },
  {
    why: 'to own objects in a way that holds back the deletion of their owner',
    apiGroup: 'qwenfleet.io',
    resources: ['qwendeployments/finalizers', 'qwenrouters/finalizers'],
    verbs: ['update'],
  },
  { why: 'replicas and routers', apiGroup: 'apps', resources: ['deployments'], verbs: own },
  { why: 'how many replicas', apiGroup: 'apps', resources: ['deployments/scale'], verbs: ['get', 'patch'] },
  {
    why: 'how replicas and routers are found, configured and who they are; tokens and keys that pools and routers name',
    apiGroup: '',
    resources: ['services', 'configmaps', 'secrets', 'serviceaccounts'],
    verbs: own,
  },
  {
    why: 'why a replica is not ready, and whether a claim with weights is bound',
    apiGroup: '',
    resources: ['pods', 'persistentvolumeclaims'],
    verbs: read,
  },
  { why: 'which replicas answer', apiGroup: 'discovery.k8s.io', resources: ['endpointslices'], verbs: read },
  { why: 'how many may be away', apiGroup: 'policy', resources: ['poddisruptionbudgets'], verbs: own },
  { why: 'who may talk to them', apiGroup: 'networking.k8s.io', resources: ['networkpolicies'], verbs: own },
  {
    why: 'what a router may do, which is never more than the operator may',
    apiGroup: 'rbac.authorization.k8s.io',
    resources: ['roles', 'rolebindings'],
    verbs: own,
  },
  { why: 'what happened', apiGroup: 'events.k8s.io', resources: ['events'], verbs: ['create', 'patch'] },
];

/** The only right in the cluster of an operator that serves some namespaces; values can take it away. */
export const hardwareRights: readonly Right[] = [
  { why: 'what hardware means', apiGroup: 'qwenfleet.io', resources: ['hardwareclasses'], verbs: read },
];

/** What belongs to no namespace; only an operator that serves all of them has it. */
export const clusterRights: readonly Right[] = [
  ...hardwareRights,
  {
    why: 'how many devices there are',
    apiGroup: 'qwenfleet.io',
    resources: ['hardwareclasses/status'],
    verbs: ['patch'],
  },
  {
    why: 'to own objects of it',
    apiGroup: 'qwenfleet.io',
    resources: ['hardwareclasses/finalizers'],
    verbs: ['update'],
  },
  { why: 'which devices nodes have', apiGroup: '', resources: ['nodes'], verbs: read },
];

/** In the namespace of the operator itself. */
export const homeRights: readonly Right[] = [
  {
    why: 'which of its pods works',
    apiGroup: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
  },
  {
    why: 'the key that it makes once, with which it exchanges weights in running engines; creation knows no names',
    apiGroup: '',
    resources: ['secrets'],
    verbs: ['create'],
  },
  {
    why: 'and reads when it starts again',
    apiGroup: '',
    resources: ['secrets'],
    names: ['qwenfleet-operator-admin'],
    verbs: ['get'],
  },
];

const optional = (apiGroup: string, resources: readonly string[], why: string): Right => ({
  why,
  apiGroup,
  resources,
  verbs: own,
});

/** In served namespaces too, each behind a value of its own. */
export const integrationRights: Readonly<Record<Integration, readonly Right[]>> = {
  prometheusOperator: [optional('monitoring.coreos.com', ['podmonitors', 'prometheusrules'], 'scraping and alerts')],
  horizontalPodAutoscaler: [optional('autoscaling', ['horizontalpodautoscalers'], 'pools with scaling.owner HPA')],
  keda: [optional('keda.sh', ['scaledobjects'], 'pools with scaling.owner KEDA')],
  gatewayApi: [optional('gateway.networking.k8s.io', ['httproutes'], 'routers behind a gateway')],
  inferencePool: [optional('inference.networking.k8s.io', ['inferencepools'], 'pools behind an inference gateway')],
  leaderWorkerSet: [
    optional('leaderworkerset.x-k8s.io', ['leaderworkersets'], 'replicas over several nodes'),
    {
      why: 'how many of these',
      apiGroup: 'leaderworkerset.x-k8s.io',
      resources: ['leaderworkersets/scale'],
      verbs: ['get', 'patch'],
    },
  ],
  dynamicResources: [optional('resource.k8s.io', ['resourceclaimtemplates'], 'devices by their class')],
};
