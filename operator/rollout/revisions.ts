import { revisionsMax } from '@qwenfleet/crds/qwendeployment/rollout-status';
import type { Observed, RevisionView, RolloutSpec, RolloutState } from './types.ts';

/** Replicas by revision. */
export const countsOf = (revisions: readonly RevisionView[]): Record<string, number> =>
  Object.fromEntries(revisions.map(({ revision, replicas }) => [revision, replicas]));

/** A pool before its first rollout: what is there serves. Whoever has most replicas counts, if a status was lost. */
export function adopt({ aim, revisions }: Observed, spec: RolloutSpec, nowMs: number): RolloutState {
  const [largest] = revisions.toSorted((a, b) => b.ready - a.ready || b.replicas - a.replicas);
  const current = largest && largest.replicas > 0 ? largest.revision : aim;
  return {
    current,
    update: undefined,
    round: 0,
    strategy: spec.strategy,
    step: 0,
    weight: 0,
    startedAtMs: nowMs,
    stepStartedAtMs: undefined,
    progress: { atMs: nowMs, ready: 0, old: 0 },
    drainFirst: undefined,
    promoted: false,
    told: countsOf(revisions),
    hosts: {},
    rejected: undefined,
    obeyed: {},
    hot: undefined,
    history: [],
    reason: 'as found',
  };
}

/** What is worth remembering of what was told: bounded, the serving and the coming revision always among it. */
export function bounded(
  told: Readonly<Record<string, number>>,
  { current, update }: RolloutState,
): Record<string, number> {
  const entries = Object.entries(told).filter(
    ([revision, replicas]) => replicas > 0 || revision === current || revision === update,
  );
  const first = ([revision]: [string, number]): number => Number(revision !== current && revision !== update);
  return Object.fromEntries(entries.toSorted((a, b) => first(a) - first(b)).slice(0, revisionsMax));
}
