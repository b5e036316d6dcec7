import type { RevisionView, RolloutSpec, RolloutState } from './types.ts';

/** How far replicas may be above and below the wanted number. */
export type Limits = { surge: number; unavailable: number };

/** Without a spare accelerator nothing can be added before something goes: one replica less, whatever the spec allows. */
export const limitsOf = ({ maxSurge, maxUnavailable }: RolloutSpec, drainFirst: RolloutState['drainFirst']): Limits =>
  drainFirst
    ? { surge: 0, unavailable: Math.max(1, maxUnavailable) }
    : { surge: maxSurge, unavailable: maxUnavailable };

export type Bounds = {
  /** Most replicas of all revisions together; what is there already may be above. */
  cap: number;
  /** Fewest ready replicas that may be left by removing some. */
  floor: number;
};

/** A replica that the workload is about to lose may still be among those that answer. */
export const readyOf = ({ ready, replicas }: RevisionView): number => Math.min(ready, replicas);

/**
 * One safe move of every revision towards its goal: what grows stays under the cap even if nothing else is carried out,
 * and what shrinks leaves enough ready replicas even if nothing that was added ever answers. Replicas that do not
 * answer cost nothing and go first. A revision without a goal goes.
 */
export function shift(
  revisions: readonly RevisionView[],
  goals: Readonly<Record<string, number>>,
  { cap, floor }: Bounds,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { revision, replicas } of revisions) counts[revision] = replicas;
  let total = revisions.reduce((sum, { replicas }) => sum + replicas, 0);
  for (const [revision, goal] of Object.entries(goals)) {
    const has = counts[revision] ?? 0;
    const more = Math.max(0, Math.min(goal - has, cap - total));
    counts[revision] = has + more;
    total += more;
  }
  let available = revisions.reduce((sum, view) => sum + readyOf(view), 0);
  for (const view of leaversFirst(revisions, goals)) {
    const surplus = Math.max(0, view.replicas - (goals[view.revision] ?? 0));
    const free = Math.min(surplus, view.replicas - readyOf(view));
    const costly = Math.min(surplus - free, Math.max(0, available - floor));
    available -= costly;
    counts[view.revision] = (counts[view.revision] ?? 0) - free - costly;
  }
  return counts;
}

const leaversFirst = (revisions: readonly RevisionView[], goals: Readonly<Record<string, number>>): RevisionView[] =>
  revisions.toSorted((a, b) => Number(a.revision in goals) - Number(b.revision in goals));
