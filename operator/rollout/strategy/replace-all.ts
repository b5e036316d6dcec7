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
  // At zero nothing proves a revision: the old one stays to go back to until the new one has answered once.
  const proven = readyOf(update) > 0 || state.progress.ready > 0;
  const done = old === 0 && update.replicas === desired && readyOf(update) >= enough && proven;
  return {
    goal: { stable: desired - coming, update: coming },
    step: state.step,
    weight: shareOfReady(turn.oldReady, readyOf(update)),
    stepStartedAtMs: state.stepStartedAtMs,
    waits: desired === 0 ? 'demand' : 'replicas',
    done,
    reason:
      desired === 0
        ? 'the pool is at zero: the new revision comes with the next request'
        : `${readyOf(update)} of ${desired} replicas are new and ready, ${old} are old`,
  };
}
