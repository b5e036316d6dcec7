import type { KubeObject } from '../object.ts';
import type { Indexer } from './store.ts';

/** By the uid of every owner. */
export const byOwnerUid: Indexer<KubeObject> = ({ metadata }) => metadata.ownerReferences?.map(({ uid }) => uid) ?? [];

/** By the value of a label. */
export const byLabel =
  (label: string): Indexer<KubeObject> =>
  ({ metadata }) => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [value];
  };
