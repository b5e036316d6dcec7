import { compareVersions, keyOf, type KubeObject } from '../object.ts';
import type { Store } from './store.ts';

/**
 * Keys of which a watch should have told by now, given a list made a while ago: newer in the list than in the store,
 * or in the store, unchanged since before the list, and not in the list.
 */
export function missedKeys<T extends KubeObject>(
  store: Store<T>,
  listed: { items: readonly T[]; resourceVersion: string },
): string[] {
  const keys = new Set(listed.items.map(keyOf));
  const changed = listed.items.filter((object) => store.isNews(object)).map(keyOf);
  const gone = store
    .list()
    .filter((object) => !keys.has(keyOf(object)))
    .filter(({ metadata }) => (compareVersions(metadata.resourceVersion, listed.resourceVersion) ?? 1) <= 0)
    .map(keyOf);
  return [...changed, ...gone];
}
