import { digestOf } from './canonical.ts';
import type { Labels } from './labels.ts';

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller: true;
  blockOwnerDeletion: true;
};

export type ObjectMeta = {
  name: string;
  namespace: string;
  labels: Labels;
  annotations: Labels;
  ownerReferences?: OwnerReference[];
};

/** An object of Kubernetes as plain JSON, with everything in it that the operator owns and nothing else. */
export type KubeObject<Body extends object = object> = {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
} & Body;

/** The custom resource that an object belongs to, and is deleted with. */
export type Owner = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string | undefined; uid?: string | undefined };
};

export type Head = { apiVersion: string; kind: string; name: string; labels: Labels; annotations?: Labels };

/** Digest of the object that was asked for: equal digests mean that nothing has to be compared field by field. */
export const hashAnnotation = 'qwenfleet.io/hash';

/** A child of a custom resource: in its namespace, owned by it, and with the digest of itself. */
export function child<Body extends object>(owner: Owner, head: Head, body: Body): KubeObject<Body> {
  const { apiVersion, kind, name, labels, annotations = {} } = head;
  const reference = ownerReference(owner);
  const metadata = {
    name,
    namespace: namespaceOf(owner),
    labels,
    ...(reference ? { ownerReferences: [reference] } : {}),
  };
  const hash = digestOf({ apiVersion, kind, metadata, annotations, body }, 16);
  return {
    apiVersion,
    kind,
    metadata: { ...metadata, annotations: { ...annotations, [hashAnnotation]: hash } },
    ...body,
  };
}

export const namespaceOf = ({ metadata }: Owner): string => metadata.namespace ?? 'default';

/** Undefined for what no API server has seen yet. */
function ownerReference({ apiVersion, kind, metadata }: Owner): OwnerReference | undefined {
  const { name, uid } = metadata;
  if (uid === undefined) return undefined;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
