import { readyOf } from '../../shift.ts';
import { replaceAll } from '../replace-all.ts';
import { withSurge, type Move, type Strategy, type Turn } from '../strategy.ts';

/** New replicas come only where old ones went by somebody else's hand, or where the pool grows. */
export const onDelete: Strategy = { name: 'OnDelete', drains: true, capOf: withSurge, next };

function next(turn: Turn): Move {
  const { state, desired, stable, update } = turn;
  if (state.promoted) return replaceAll(turn);
  // What was started since the rollout began replaced something that was deleted: it should have been new.
  const staying = Math.min(desired, Math.max(0, stable.replicas - (stable.young ?? 0)));
  const coming = Math.max(0, desired - staying);
  const move = replaceAll(turn);
  const missing = readyOf(update) < Math.min(coming, update.replicas);
  return {
    ...move,
    goal: { stable: staying, update: coming },
    waits: staying === 0 ? move.waits : missing ? 'replicas' : 'person',
    reason: staying === 0 ? move.reason : `${staying} old replicas stay until somebody deletes them`,
  };
}
