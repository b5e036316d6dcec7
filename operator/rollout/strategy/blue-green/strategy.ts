import { readyOf } from '../../shift.ts';
import { replaceAll } from '../replace-all.ts';
import { stepStart, withSurge, type Move, type Strategy, type Turn } from '../strategy.ts';

/** How long the old revision stands by after the switch, ready to take over again at once. */
export const standByMs = 5 * 60_000;

const step = { build: 0, standBy: 1, clear: 2 } as const;

/** A second set of replicas, one switch of all traffic, and the old set stands by for a while. Doubles the replicas. */
export const blueGreen: Strategy = {
  name: 'BlueGreen',
  drains: false,
  capOf: (desired, limits) => Math.max(2 * desired, withSurge(desired, limits)),
  next,
};

function next(turn: Turn): Move {
  const { state, desired, update, stable } = turn;
  // Nothing to switch: nobody is served by the old revision.
  if (desired === 0 || (stable.replicas === 0 && state.step === step.build)) return replaceAll(turn);
  if (state.step >= step.clear || (state.promoted && state.step === step.standBy)) return clear(turn);
  const ready = readyOf(update);
  if (state.step === step.build) {
    const complete = ready >= desired;
    return {
      ...both(turn),
      step: complete ? step.standBy : step.build,
      weight: complete ? 100 : 0,
      waits: complete ? 'time' : 'replicas',
      reason: complete
        ? 'every new replica is ready: all traffic switches'
        : `${ready} of ${desired} new replicas are ready`,
    };
  }
  return standBy(turn);
}

function standBy(turn: Turn): Move {
  const startedAtMs = stepStart(turn, 100);
  const leftMs = startedAtMs === undefined ? standByMs : startedAtMs + standByMs - turn.nowMs;
  const reason = `all traffic is at the new revision; the old one stands by for another ${Math.ceil(leftMs / 1000)} s`;
  const over = leftMs <= 0;
  return {
    ...both(turn),
    // What grows is needed where the traffic is.
    goal: { stable: Math.min(turn.desired, turn.stable.replicas), update: turn.desired },
    step: over ? step.clear : step.standBy,
    weight: 100,
    stepStartedAtMs: startedAtMs,
    waits: readyOf(turn.update) >= turn.desired ? 'time' : 'replicas',
    reason: over ? 'the old revision is not needed any more' : reason,
  };
}

const both = ({ state, desired }: Turn): Omit<Move, 'step' | 'weight' | 'waits' | 'reason'> => ({
  goal: { stable: desired, update: desired },
  stepStartedAtMs: state.stepStartedAtMs,
  done: false,
});

function clear(turn: Turn): Move {
  const { desired, update } = turn;
  const move = replaceAll(turn);
  return {
    ...move,
    goal: { stable: 0, update: desired },
    step: step.clear,
    weight: readyOf(update) > 0 ? 100 : 0,
  };
}
