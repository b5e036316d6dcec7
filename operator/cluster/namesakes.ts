import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Cache, Indexer } from '@qwenfleet/kube/reflector/store';
import { namesOf } from '../reconcile/qwendeployment/plan/name-conflict.ts';
import type { CustomObject } from './kinds.ts';
import { isReadable, poolOf } from './parse.ts';

/** Of the cache of pools. */
export const nameIndex = 'name';

/** Every name that clients may ask for the pool by, in its namespace. */
export const byName: Indexer<CustomObject> = (object) =>
  readable(object).flatMap((pool) => namesOf(pool).map((name) => `${object.metadata.namespace}/${name}`));

/** The other pools of the namespace that answer to a name of this one. */
export function namesakesOf(object: CustomObject, pools: Cache<CustomObject>): QwenDeployment[] {
  const found = new Set(byName(object).flatMap((name) => pools.by(nameIndex, name)));
  return [...found].filter(({ metadata }) => metadata.uid !== object.metadata.uid).flatMap(readable);
}

/** Nothing where it cannot be read: its own reconcile says so. */
const readable = (object: CustomObject): QwenDeployment[] => (isReadable(object) ? [poolOf(object)] : []);
