import type { KubeObject } from '@qwenfleet/kube/object';
import { carries } from './drift.ts';

/** What has to be done so that an owner's children are as desired. */
export type ChildPlan = { apply: readonly KubeObject[]; remove: readonly KubeObject[] };

export const childKey = ({ kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>): string =>
  `${kind}/${metadata.name}`;

/**
 * Which of the desired objects differ from what there is, in their order, and which live ones nobody wants any more.
 * Pure. Objects that are being deleted count as gone: they are applied again once they are.
 */
export function planChildren(desired: readonly KubeObject[], live: readonly KubeObject[]): ChildPlan {
  const there = new Map(live.map((object) => [childKey(object), object]));
  const wanted = new Set(desired.map(childKey));
  return {
    apply: desired.filter((object) => !carries(there.get(childKey(object)), object)),
    remove: live.filter((object) => !wanted.has(childKey(object)) && object.metadata.deletionTimestamp === undefined),
  };
}
