import type { KubeObject, ObjectReference } from '../object.ts';
import { resource, type Resource } from '../resource.ts';
import type { KubeClient } from './client.ts';
import type { CallOptions } from './options.ts';

/** The scale subresource, the same for every kind that has one. */
export type Scale = KubeObject & {
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly replicas: number; readonly selector?: string };
};

/** The path is the scaled kind's; what is there is a Scale. */
const scaleOf = ({ apiVersion, kind, plural, namespaced }: Resource): Resource<Scale> =>
  resource({ apiVersion, kind, plural, namespaced });

export const getScale = (
  client: KubeClient,
  of: Resource,
  at: ObjectReference,
  options: CallOptions = {},
): Promise<Scale> => client.get(scaleOf(of), { ...at, subresource: 'scale' }, options);

/**
 * Sets the wanted replicas. With `seen`, the object or its Scale, only if nothing changed it since: two scalers never
 * undo each other, one of them gets a conflict.
 */
export function setScale(
  client: KubeClient,
  of: Resource,
  at: ObjectReference,
  wanted: { replicas: number; seen?: Pick<KubeObject, 'metadata'>; fieldManager?: string; signal?: AbortSignal },
): Promise<Scale> {
  const { replicas, seen, ...options } = wanted;
  const metadata = seen === undefined ? {} : { metadata: { resourceVersion: seen.metadata.resourceVersion } };
  return client.patch(
    scaleOf(of),
    at,
    { merge: { ...metadata, spec: { replicas } } },
    { ...options, subresource: 'scale' },
  );
}
