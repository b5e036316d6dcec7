import { decide, initialState } from '../../scale/decide.ts';
import { signalOf, type PoolSample } from '../../scale/metrics.ts';
import { inForce } from '../../scale/schedule.ts';
import type { ScaleSpec, ScaleState, Signal } from '../../scale/types.ts';

/** While anything happens, and while nothing does; a change of load or of pods wakes the pool at once anyway. */
const busyEveryMs = 2_000;
const quietEveryMs = 15_000;

export type Look = {
  spec: ScaleSpec;
  /** Replicas that the workload has been told to have; undefined where there is none yet. */
  live: number | undefined;
  /** From the status: what an operator before this one wanted. */
  remembered: number | undefined;
  initial: number;
  starting: number;
  sample: PoolSample;
};

export type Verdict = { state: ScaleState; from: number; desired: number; changed: boolean; lookAgainMs: number };

/** The scaler's memory of one pool, from look to look. */
export class PoolScaler {
  #state: ScaleState | undefined;
  /** The workload was seen at zero, as wanted: whatever it has after that, somebody else gave it. */
  #reachedZero = false;

  /** How many replicas there should be now. @param nowMs epoch milliseconds, so that decisions keep their time in the status. */
  look({ spec: written, live, remembered, initial, starting, sample }: Look, nowMs: number): Verdict {
    const spec = inForce(written, nowMs);
    const signal = signalOf(spec.metric, sample, spec.targetPerReplica);
    const { ready } = sample;
    const before = this.#state ?? initialState(live ?? remembered ?? initial, spec, nowMs);
    const woken = this.#reachedZero && before.desired === 0 && live === 1;
    const { state, desired } = decide(woken ? awake(before, nowMs) : before, { ready, starting, signal }, spec, nowMs);
    this.#state = state;
    this.#reachedZero = desired === 0 && (this.#reachedZero || live === 0);
    const lookAgainMs = isBusy(state, ready, signal) ? busyEveryMs : quietEveryMs;
    return { state, from: before.desired, desired, changed: desired !== before.desired, lookAgainMs };
  }
}

/** A router woke a pool at zero through the scale subresource: that counts as ours. */
const awake = (state: ScaleState, nowMs: number): ScaleState => ({
  ...state,
  desired: 1,
  recommended: 1,
  activeAtMs: nowMs,
});

const isBusy = ({ desired, panicUntilMs }: ScaleState, ready: number, signal: Signal | undefined): boolean =>
  desired !== ready || panicUntilMs !== undefined || (signal?.inFlight ?? 0) + (signal?.held ?? 0) > 0;
