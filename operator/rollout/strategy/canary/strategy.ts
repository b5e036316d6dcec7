import { readyOf } from '../../shift.ts';
import { split } from '../../split.ts';
import { shareOfReady } from '../../traffic.ts';
import { replaceAll } from '../replace-all.ts';
import { stepStart, withSurge, type Move, type Strategy, type Turn, type Waits } from '../strategy.ts';

/** A growing share of the traffic, each for a while and for as long as it takes to be sure that it does no harm. */
export const canary: Strategy = { name: 'Canary', drains: true, capOf: withSurge, next };

function next(turn: Turn): Move {
  const { state, spec } = turn;
  const step = spec.steps[state.step];
  if (state.promoted || !step) return takeOver(turn);
  const goal = split(turn.desired, step.weight, turn.limits);
  if (!goal) return noRoom(turn);
  return atStep(turn, step, goal);
}

function atStep(turn: Turn, step: { weight: number; pauseMs: number }, goal: Move['goal']): Move {
  const { state, spec, update, verdict, nowMs } = turn;
  const { weight, pauseMs } = step;
  const standing = readyOf(update) >= goal.update;
  const startedAtMs = standing ? stepStart(turn, weight) : state.stepStartedAtMs;
  const move = { goal, done: false };
  const left = startedAtMs === undefined ? pauseMs : startedAtMs + pauseMs - nowMs;
  if (startedAtMs !== undefined && standing && left <= 0 && verdict.kind === 'good') {
    const reason = `step ${state.step + 1} of ${spec.steps.length} is passed: ${verdict.message}`;
    return { ...move, step: state.step + 1, weight, stepStartedAtMs: undefined, waits: 'time', reason };
  }
  const waits = waitsFor(standing, startedAtMs, left);
  const why: Partial<Record<Waits, string>> = {
    replicas: `${readyOf(update)} of ${goal.update} replicas are ready`,
    time: startedAtMs === undefined ? 'the routers are told' : `for another ${Math.ceil(left / 1000)} s`,
    data: verdict.message,
  };
  // The weight goes up with its replicas, and stays when one of them is gone for a moment.
  const carried = Math.max(state.weight, shareOfReady(turn.oldReady, readyOf(update)));
  const given = standing || state.stepStartedAtMs !== undefined ? weight : Math.min(weight, carried);
  const reason = `step ${state.step + 1} of ${spec.steps.length}, ${weight} % of the traffic: ${why[waits] ?? ''}`;
  return { ...move, step: state.step, weight: given, stepStartedAtMs: startedAtMs, waits, reason };
}

function waitsFor(standing: boolean, startedAtMs: number | undefined, left: number): Waits {
  if (!standing) return 'replicas';
  return startedAtMs === undefined || left > 0 ? 'time' : 'data';
}

/** After the last step: the rest follows, and the share never falls below what was proven. */
function takeOver(turn: Turn): Move {
  const { state, spec } = turn;
  const proven = spec.steps[Math.min(state.step, spec.steps.length) - 1]?.weight ?? 0;
  const all = replaceAll(turn);
  return { ...all, weight: readyOf(turn.update) > 0 ? Math.max(all.weight, state.promoted ? 0 : proven) : all.weight };
}

/** One replica at most: it stays the old one, and the canary goes on when there are two. */
function noRoom({ state, spec, desired }: Turn): Move {
  const message =
    desired === 0
      ? 'the pool is at zero'
      : 'a canary needs room for two replicas: raise rollout.maxSurge, or promote the revision';
  return {
    goal: { stable: desired, update: 0 },
    step: state.step,
    weight: 0,
    stepStartedAtMs: undefined,
    waits: desired === 0 ? 'demand' : 'room',
    done: false,
    reason: `step ${state.step + 1} of ${spec.steps.length} waits: ${message}`,
  };
}
