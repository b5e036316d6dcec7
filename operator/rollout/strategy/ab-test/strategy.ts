import { readyOf } from '../../shift.ts';
import { split } from '../../split.ts';
import { shareOfReady } from '../../traffic.ts';
import { replaceAll } from '../replace-all.ts';
import { stepStart, withSurge, type Move, type Strategy, type Turn } from '../strategy.ts';

/** Both revisions side by side until somebody chooses; a header may choose who gets which. */
export const abTest: Strategy = { name: 'ABTest', drains: true, capOf: withSurge, next };

function next(turn: Turn): Move {
  const { state, spec, desired, update, limits } = turn;
  if (state.promoted || !spec.abTest) return replaceAll(turn);
  const { weight, header } = spec.abTest;
  const goal = split(desired, weight, limits);
  if (!goal) {
    const reason = desired === 0 ? 'the pool is at zero' : 'a test needs room for two replicas: raise rollout.maxSurge';
    const alone = { goal: { stable: desired, update: 0 }, weight: 0, stepStartedAtMs: undefined, done: false };
    return { ...alone, step: state.step, waits: desired === 0 ? 'demand' : 'room', reason };
  }
  const standing = readyOf(update) >= goal.update;
  // With a header the weights send nothing by chance.
  const given = header ? 0 : weight;
  // What is ready serves: it counts among the replicas that may not be fewer.
  const carried = Math.max(state.weight, shareOfReady(turn.oldReady, readyOf(update)));
  return {
    goal,
    step: state.step,
    weight: standing || state.stepStartedAtMs !== undefined ? given : Math.min(given, carried),
    stepStartedAtMs: standing ? stepStart(turn, given) : state.stepStartedAtMs,
    waits: standing ? 'person' : 'replicas',
    done: false,
    reason: standing
      ? 'both revisions are compared until one is promoted or aborted'
      : `${readyOf(update)} of ${goal.update} replicas of the new revision are ready`,
  };
}
