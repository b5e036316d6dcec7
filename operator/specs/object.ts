import { ownedBy, type KubeObject } from '@qwenfleet/kube/object';
import type { Labels } from './labels.ts';

/** A child of a custom resource: in its namespace, and deleted with it. */
export const child = <T extends object>(
  owner: KubeObject,
  of: { apiVersion: string; kind: string; name: string; labels: Labels; annotations?: Labels },
  rest: T,
): KubeObject & T => ({
  apiVersion: of.apiVersion,
  kind: of.kind,
  metadata: {
    name: of.name,
    namespace: owner.metadata.namespace,
    labels: of.labels,
    ...(of.annotations ? { annotations: of.annotations } : {}),
    ownerReferences: [ownedBy(owner)],
  },
  ...rest,
});
