import { fails, holds, unknown, type Finding } from '../reconcile/conditions.ts';
import type { Waits } from './strategy/strategy.ts';
import type { Cause, RolloutSpec, RolloutState, Verdict } from './types.ts';

export type RolloutFacts = {
  state: RolloutState;
  spec: RolloutSpec;
  /** Replicas of revisions that neither serve nor come. */
  leaving: number;
  waits: Waits | undefined;
  verdict: Verdict | undefined;
  /** What is wrong with the update, where nobody wants it rolled back. */
  trouble: Cause | undefined;
};

/** `RolloutHealthy` and `Progressing`: whether the new revision is fine, and whether anything moves. */
export const rolloutConditions = (facts: RolloutFacts): Finding[] => [healthy(facts), progressing(facts)];

function healthy({ state, waits, verdict, trouble }: RolloutFacts): Finding {
  const type = 'RolloutHealthy';
  const { rejected } = state;
  if (state.hot?.back) return fails(type, state.hot.back.outcome, state.hot.back.message);
  if (state.update === undefined) {
    if (!rejected) return holds(type, 'Complete', `${state.current} serves, and nothing replaces it`);
    const outcome = rejected.reason === 'RolloutAborted' ? 'Aborted' : 'RolledBack';
    return fails(type, outcome, `${rejected.revision} was taken back: ${rejected.message}`);
  }
  if (trouble) return fails(type, trouble.reason, trouble.message);
  if (waits === 'data' && verdict) return unknown(type, 'InsufficientData', verdict.message);
  return holds(type, 'Healthy', 'nothing speaks against the new revision');
}

function progressing({ state, spec, leaving, waits, trouble }: RolloutFacts): Finding {
  const type = 'Progressing';
  if (spec.paused) return fails(type, 'Paused', 'spec.paused is set: nothing is created, changed or removed');
  if (trouble?.reason === 'ProgressDeadlineExceeded') return fails(type, trouble.reason, trouble.message);
  if (waits === 'room') return fails(type, 'NoRoom', state.reason);
  if (state.update !== undefined) return holds(type, 'RollingOut', state.reason);
  if (leaving > 0) return holds(type, 'GoingBack', `${leaving} replicas of other revisions are on their way out`);
  return holds(type, 'Complete', 'every replica is of the revision that serves');
}
