import type { Instant } from '@qwenfleet/core/clock';
import { decide, initialState } from '../../scale/decide.ts';
import { signalOf, type PoolSample } from '../../scale/metrics.ts';
import { closedBy, inForce } from '../../scale/schedule.ts';
import { fromStatus, type ScalingStatus } from '../../scale/status.ts';
import type { ScaleSpec, ScaleState, Signal } from '../../scale/types.ts';

/** While anything happens, and while nothing does; a change of load or of pods wakes the pool at once anyway. */
const busyEveryMs = 2_000;
const quietEveryMs = 15_000;

export type Look = {
  spec: ScaleSpec;
  /** Replicas that the workloads of the pool have been told to have; undefined where there is none yet. */
  live: number | undefined;
  /** There are several revisions, so that what is live is on its way to something else. */
  rolling: boolean;
  /** What an operator before this one left in the status. */
  written: ScalingStatus | undefined;
  initial: number;
  starting: number;
  sample: PoolSample;
};

export type Verdict = {
  state: ScaleState;
  from: number;
  desired: number;
  changed: boolean;
  /** See `Observed`. */
  closedBy: string | undefined;
  lookAgainMs: number;
};

/** The scaler's memory of one pool, from look to look. */
export class PoolScaler {
  #state: ScaleState | undefined;
  /** The workload was seen at zero, as wanted: whatever it has after that, somebody else gave it. */
  #reachedZero = false;

  /** How many replicas there should be now. */
  look(look: Look, time: Instant): Verdict {
    const { live, starting, sample } = look;
    const { nowMs, epochMs } = time;
    const spec = inForce(look.spec, epochMs);
    const before = this.#state ?? begun(look, time);
    const woken = this.#reachedZero && before.desired === 0 && live === 1;
    const signal = signalOf(spec.metric, sample, spec.targetPerReplica);
    const observation = { ready: sample.ready, starting, signal };
    const { state, desired } = decide(woken ? awake(before, nowMs) : before, observation, spec, nowMs);
    this.#state = state;
    this.#reachedZero = desired === 0 && (this.#reachedZero || live === 0);
    const lookAgainMs = isBusy(state, sample.ready, signal) ? busyEveryMs : quietEveryMs;
    const changed = desired !== before.desired;
    return { state, from: before.desired, desired, changed, closedBy: closedBy(spec), lookAgainMs };
  }
}

/** A new pool begins; one that an earlier operator looked after goes on. */
function begun({ spec, live, rolling, written, initial }: Look, time: Instant): ScaleState {
  if (live === undefined && written?.desired === undefined) return initialState(initial, spec, time.nowMs);
  const replicas = rolling ? (written?.desired ?? live) : live;
  return fromStatus(written, spec, { ...time, replicas });
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
