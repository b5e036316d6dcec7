import type { RevisionView, RolloutState } from './types.ts';

/**
 * A router may take the serving revision from zero to one, through the scale subresource, so that a request does not
 * wait for the operator: that counts as if it had been told so, and is not taken back.
 */
export function withWake(state: RolloutState, revisions: readonly RevisionView[], desired: number): RolloutState {
  const { current, told } = state;
  const live = revisions.find(({ revision }) => revision === current)?.replicas;
  const woken = desired > 0 && (told[current] ?? 0) === 0 && live === 1;
  return woken ? { ...state, told: { ...told, [current]: 1 } } : state;
}
