import { apiVersion } from '@qwenfleet/crds/kinds';
import { resource, type Resource } from '@qwenfleet/kube/resource';
import type { KubeObject } from '@qwenfleet/kube/object';
import type { Deployment } from '@qwenfleet/kube/kinds';
import type { LiveWorkload } from '../reconcile/qwendeployment/plan/pods/live.ts';

/** A custom resource as the API server gives it; it is parsed by the schema of its kind before anything reads it. */
export type CustomObject = KubeObject & { readonly spec?: unknown; readonly status?: unknown };

export const poolKind = resource<CustomObject>({ apiVersion, kind: 'QwenDeployment' });
export const routerKind = resource<CustomObject>({ apiVersion, kind: 'QwenRouter' });
export const hardwareKind = resource<CustomObject>({
  apiVersion,
  kind: 'HardwareClass',
  plural: 'hardwareclasses',
  namespaced: false,
});
export const workloadKind: Resource<Deployment> = resource({ apiVersion: 'apps/v1', kind: 'Deployment' });

/** What runs the pods of one revision: a Deployment, or a LeaderWorkerSet where a replica spans nodes. */
export type WorkloadObject = KubeObject & LiveWorkload;
export const isWorkload = ({ kind }: Pick<KubeObject, 'kind'>): boolean =>
  kind === 'Deployment' || kind === 'LeaderWorkerSet';

/** Every kind that the operator always makes, besides Deployments; the rest belongs to neighbours. */
export const partKinds: readonly Resource[] = [
  resource({ apiVersion: 'v1', kind: 'ServiceAccount' }),
  resource({ apiVersion: 'v1', kind: 'ConfigMap' }),
  resource({ apiVersion: 'v1', kind: 'Secret' }),
  resource({ apiVersion: 'v1', kind: 'Service' }),
  resource({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' }),
  resource({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }),
  resource({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' }),
  resource({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' }),
];
