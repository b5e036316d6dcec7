import { controllerOf, type KubeObject } from '../object.ts';
import type { Reflector } from '../reflector/reflector.ts';
import type { Change } from '../reflector/store.ts';
import { splitApiVersion, type Resource } from '../resource.ts';

/** Something whose changes make keys: a reflector, and which objects of the controller a change is about. */
export type Source = {
  name: string;
  synced: Promise<void>;
  subscribe(onKey: (key: string) => void): () => void;
};

/** Keys that a change is about. */
export type KeysOf<T> = (change: Change<T>) => readonly string[];

/** Each change of the reflector wakes the keys that `keysOf` says; the object's own key where it says nothing. */
export const changesOf = <T extends KubeObject>(
  reflector: Reflector<T>,
  keysOf: KeysOf<T> = ({ key }) => [key],
): Source => ({
  name: reflector.name,
  synced: reflector.synced,
  subscribe: (onKey) => reflector.subscribe((change) => keysOf(change).forEach(onKey)),
});

/** Leaves out what is not about the spec: a status that is written, a label, an annotation. */
export const ofSpec =
  <T extends KubeObject>(keysOf: KeysOf<T>): KeysOf<T> =>
  (change) => {
    if (change.type !== 'updated') return keysOf(change);
    const { generation } = change.object.metadata;
    // Kinds without a spec have none.
    return generation !== undefined && generation === change.previous.metadata.generation ? [] : keysOf(change);
  };

/** A child wakes the object that controls it, and the one that did before. */
export const ownerKeys =
  (owner: Resource): KeysOf<KubeObject> =>
  (change) => {
    const objects = change.type === 'updated' ? [change.object, change.previous] : [change.object];
    return [...new Set(objects.flatMap((object) => ownerKey(owner, object)))];
  };

function ownerKey(owner: Resource, child: KubeObject): string[] {
  const reference = controllerOf(child);
  if (reference?.kind !== owner.kind) return [];
  // The version may differ: the API serves every object in each of its versions.
  if (splitApiVersion(reference.apiVersion).group !== splitApiVersion(owner.apiVersion).group) return [];
  const { namespace } = child.metadata;
  return [owner.namespaced && namespace !== undefined ? `${namespace}/${reference.name}` : reference.name];
}
