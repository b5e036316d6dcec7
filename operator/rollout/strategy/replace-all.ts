import { readyOf } from '../shift.ts';
import { shareOfReady } from '../traffic.ts';
import type { Move, Turn } from './strategy.ts';

/**
 * The update takes everything over, as many replicas at a time as the limits allow. Those are added to what is ready,
 * so that growth in the middle of a rollout goes to the revision that has proven itself.
 */
export function replaceAll(turn: Turn): Move {
  const { state, desired, stable, update, leaving, limits } = turn;
  const stride = Math.max(1, limits.surge + limits.unavailable);
  const begun = Math.max(update.replicas, readyOf(update) + stride);
  const coming = Math.min(desired, begun);
  const old = stable.replicas + leaving;
  const enough = Math.max(Math.min(1, desired), desired - limits.unavailable);
  const done = old === 0 && update.replicas === desired && readyOf(update) >= enough;
  return {
    goal: { stable: desired - coming, update: coming },
    cap: desired + limits.surge,
    step: state.step,
    weight: shareOfReady(stable, update),
    stepStartedAtMs: state.stepStartedAtMs,
    waits: 'replicas',
    done,
    reason: `${readyOf(update)} of ${desired} replicas are new and ready, ${old} are old`,
  };
}
