import type { KubeClient } from '../client/client.ts';
import { isConflict, isInvalid, isNotFound } from '../client/status-error.ts';
import type { JsonPatchOperation } from '../client/options.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

type Target<T extends KubeObject> = {
  client: KubeClient;
  resource: Resource<T>;
  finalizer: string;
  signal?: AbortSignal;
};

export const hasFinalizer = ({ metadata }: KubeObject, finalizer: string): boolean =>
  metadata.finalizers?.includes(finalizer) ?? false;

/**
 * Adds the finalizer if the object is still as it was seen. Await it before making what has to be cleaned up.
 * Throws a conflict (422 from the `test`, or 409) when the object has changed meanwhile: reconcile again.
 */
export async function addFinalizer<T extends KubeObject>(object: T, target: Target<T>): Promise<T> {
  const { client, resource, finalizer, signal } = target;
  if (hasFinalizer(object, finalizer)) return object;
  const { resourceVersion, finalizers } = object.metadata;
  const add: JsonPatchOperation =
    finalizers === undefined || finalizers.length === 0
      ? { op: 'add', path: '/metadata/finalizers', value: [finalizer] }
      : { op: 'add', path: '/metadata/finalizers/-', value: finalizer };
  const json: JsonPatchOperation[] = [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, add];
  return client.patch(resource, object.metadata, { json }, { signal });
}

const removalsMax = 5;

/** Removes the finalizer, whatever else changes on the object meanwhile; done too when the object is gone. */
export async function removeFinalizer<T extends KubeObject>(object: T, target: Target<T>): Promise<void> {
  const { client, resource, finalizer, signal } = target;
  let seen: T = object;
  for (let attempt = 1; ; attempt += 1) {
    const index = seen.metadata.finalizers?.indexOf(finalizer) ?? -1;
    if (index < 0) return;
    const path = `/metadata/finalizers/${index}`;
    const json: JsonPatchOperation[] = [
      { op: 'test', path, value: finalizer },
      { op: 'remove', path },
    ];
    try {
      await client.patch(resource, object.metadata, { json }, { signal });
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (attempt >= removalsMax || !(isConflict(error) || isInvalid(error))) throw error;
      const again = await client.get(resource, object.metadata, { signal }).catch((thrown: unknown) => {
        if (isNotFound(thrown)) return undefined;
        throw thrown;
      });
      // Another object of the same name is none of our business.
      if (again === undefined || again.metadata.uid !== object.metadata.uid) return;
      seen = again;
    }
  }
}
