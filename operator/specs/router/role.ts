import type { IPolicyRule } from 'kubernetes-models/rbac.authorization.k8s.io/v1/PolicyRule';
import type { IRoleRef } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleRef';
import type { ISubject } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Subject';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import type { Capabilities } from '../capabilities.ts';
import { routerLabels } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import { configSecretName } from './router.ts';

const rbac = 'rbac.authorization.k8s.io';

/**
 * What a router may do, in its own namespace: read where pools answer and whether they may be woken, read its own
 * configuration, and write replicas to wake a pool. Which Deployments those are changes with every revision, so they
 * cannot be named here.
 */
export function role(router: QwenRouter, capabilities: Capabilities): KubeObject<{ rules: IPolicyRule[] }> {
  const { name } = router.metadata;
  const head = { apiVersion: `${rbac}/v1`, kind: 'Role', name, labels: routerLabels(name) };
  return child(router, head, { rules: rulesOf(name, capabilities) });
}

const watch = ['get', 'list', 'watch'];
const wake = ['get', 'patch'];

const rulesOf = (name: string, { leaderWorkerSet }: Capabilities): IPolicyRule[] => [
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: watch },
  { apiGroups: ['qwenfleet.io'], resources: ['qwendeployments'], verbs: watch },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [configSecretName(name)], verbs: watch },
  { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: wake },
  ...(leaderWorkerSet
    ? [{ apiGroups: ['leaderworkerset.x-k8s.io'], resources: ['leaderworkersets/scale'], verbs: wake }]
    : []),
];

/** Gives the routers their role. */
export function roleBinding(router: QwenRouter): KubeObject<{ roleRef: IRoleRef; subjects: ISubject[] }> {
  const { name } = router.metadata;
  const head = { apiVersion: `${rbac}/v1`, kind: 'RoleBinding', name, labels: routerLabels(name) };
  return child(router, head, {
    roleRef: { apiGroup: rbac, kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: namespaceOf(router) }],
  });
}
