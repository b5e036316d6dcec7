import { readyOf } from './shift.ts';
import type { RevisionView, RolloutSpec, RolloutState, Traffic } from './types.ts';

/** Was this revision taken back, when it was tried last? */
export function distrusted({ rejected, history }: RolloutState, revision: string): boolean {
  if (rejected?.revision === revision) return true;
  const outcome = history.find((past) => past.revision === revision)?.outcome;
  return outcome === 'RolledBack' || outcome === 'Aborted';
}

/** Revisions as they count: one that was taken back serves nobody as soon as anything else answers. */
export function trusted(state: RolloutState, revisions: readonly RevisionView[]): RevisionView[] {
  const { current, update } = state;
  const useless = ({ revision }: RevisionView): boolean =>
    revision !== current && revision !== update && distrusted(state, revision);
  const others = revisions.some((view) => !useless(view) && readyOf(view) > 0);
  return others ? revisions.map((view) => (useless(view) ? { ...view, ready: 0 } : view)) : [...revisions];
}

/** Revisions as they count for availability: a replica that gets nothing is missed by nobody, and replaces nobody. */
export function serving(
  state: RolloutState,
  revisions: readonly RevisionView[],
  { abTest }: Pick<RolloutSpec, 'abTest'>,
): RevisionView[] {
  const { update, weight, strategy, promoted } = state;
  const byHeader = strategy === 'ABTest' && !promoted && abTest?.header !== undefined;
  const views = trusted(state, revisions);
  const isSent = ({ revision }: RevisionView): boolean => (revision === update ? weight > 0 || byHeader : weight < 100);
  const answers = views.some((view) => isSent(view) && readyOf(view) > 0);
  return answers ? views.map((view) => (isSent(view) ? view : { ...view, ready: 0 })) : views;
}

/** Percent of the update where traffic follows replicas. */
export function shareOfReady(oldReady: number, updateReady: number): number {
  const ready = oldReady + updateReady;
  return ready === 0 ? 0 : Math.round((100 * updateReady) / ready);
}

/**
 * Who gets how much. The update gets its weight while it answers; the rest is the stable revision's, and that of
 * revisions on their way out only as long as the stable one is short of replicas. One that was rejected gets nothing
 * as soon as anything else answers.
 */
export function trafficOf(
  state: RolloutState,
  revisions: readonly RevisionView[],
  spec: RolloutSpec,
  floor: number,
): Traffic {
  const views = revisions.filter(({ replicas }) => replicas > 0);
  const update = views.find(({ revision }) => revision === state.update);
  const rest = restOf(state, views, floor);
  const restReady = rest.reduce((sum, view) => sum + readyOf(view), 0);
  const updateReady = update ? readyOf(update) : 0;
  const weight = weightOf(state.weight, updateReady, restReady);
  const weights = shared(rest, 100 - weight, state.current);
  if (update && weight > 0) weights[update.revision] = weight;
  return { weights, ...headerOf(state, spec, updateReady) };
}

function weightOf(wanted: number, updateReady: number, restReady: number): number {
  if (updateReady === 0) return 0;
  return restReady === 0 ? 100 : wanted;
}

/** Revisions that share what the update does not get. */
function restOf(state: RolloutState, views: readonly RevisionView[], floor: number): RevisionView[] {
  const { current, update } = state;
  const stable = views.filter(({ revision }) => revision === current);
  const stableReady = stable.reduce((sum, view) => sum + readyOf(view), 0);
  const leaving = views.filter(({ revision }) => revision !== current && revision !== update);
  if (stableReady >= Math.max(1, floor)) return stable;
  const trusted = leaving.filter(({ revision }) => !distrusted(state, revision));
  const withTrusted = [...stable, ...trusted];
  return withTrusted.some((view) => readyOf(view) > 0) ? withTrusted : [...stable, ...leaving];
}

/** Whole percents in proportion to ready replicas, which add up; all to one when none is ready. */
function shared(views: readonly RevisionView[], percent: number, fallback: string): Record<string, number> {
  if (percent === 0) return {};
  const ready = views.reduce((sum, view) => sum + readyOf(view), 0);
  if (ready === 0) return { [fallback]: percent };
  const weights: Record<string, number> = {};
  let left = percent;
  let readyLeft = ready;
  for (const view of views) {
    const mine = readyOf(view);
    if (mine === 0) continue;
    const weight = Math.round((left * mine) / readyLeft);
    weights[view.revision] = weight;
    left -= weight;
    readyLeft -= mine;
  }
  return weights;
}

function headerOf(state: RolloutState, { abTest }: RolloutSpec, updateReady: number): Pick<Traffic, 'header'> {
  const { update } = state;
  const tests = state.strategy === 'ABTest' && !state.promoted && update !== undefined && updateReady > 0;
  if (!tests || !abTest?.header) return {};
  return { header: { ...abTest.header, revision: update } };
}
