import { observe } from '@qwenfleet/core/load/histogram';
import { seededRng } from '@qwenfleet/core/rng';
import { stepOf } from '../analysis.ts';
import { emptyArm, type Arm } from '../arm.ts';
import { next } from '../next.ts';
import { starvedAfterMs } from '../turn.ts';
import type { Decision, Observed, RevisionView, RolloutEvent, RolloutSpec, RolloutState } from '../types.ts';

/** How replicas of a revision behave. */
export type Behaviour = {
  /** Time from start to ready; Infinity never is. */
  loadMs?: number;
  errorRatio?: number;
  ttftMs?: number;
  /** Starts that fail in a row, as the substrate counts them. */
  failedStarts?: number;
};

type Pod = { startedMs: number; placedMs: number | undefined; broken?: boolean };
type Options = {
  spec?: Partial<RolloutSpec>;
  desired?: number;
  revision?: string;
  accelerators?: number;
  /** What the state goes through between two ticks, such as a status and back. */
  through?: (decision: Decision, nowMs: number) => RolloutState;
};

export const plainSpec: RolloutSpec = {
  strategy: 'Rolling',
  maxSurge: 0,
  maxUnavailable: 1,
  progressDeadlineMs: 600_000,
  steps: [
    { weight: 10, pauseMs: 60_000 },
    { weight: 50, pauseMs: 60_000 },
  ],
  analysis: { maxErrorRatio: 0.01, ttftMsMax: 2_000, minRequests: 200 },
  abTest: undefined,
  autoRollback: true,
  revisionHistoryLimit: 5,
  paused: false,
};

/** How often the pool is looked at. */
export const tickMs = 1_000;

/** A substrate without surprises: it carries every decision out within a tick, and load comes evenly. */
export class Pool {
  spec: RolloutSpec;
  desired: number;
  aim: string;
  nowMs = 0;
  requestsPerTick = 20;
  annotations: Observed['annotations'] = {};
  readonly behaviours: Record<string, Behaviour> = {};
  readonly events: RolloutEvent[] = [];
  readonly seen: { replicas: number; ready: number; weights: Record<string, number>; state: RolloutState }[] = [];
  decision: Decision | undefined;
  readonly #pods = new Map<string, Pod[]>();
  readonly #accelerators: number;
  readonly #through: NonNullable<Options['through']>;
  readonly #rng = seededRng(1);
  #state: RolloutState | undefined;
  #step: string | undefined;
  #weights: Record<string, number> = {};
  #arms: Record<string, Arm> = {};

  constructor({ spec, desired = 4, revision = 'a', accelerators = Infinity, through }: Options = {}) {
    this.spec = { ...plainSpec, ...spec };
    this.desired = desired;
    this.aim = revision;
    this.#accelerators = accelerators;
    this.#through = through ?? (({ state }) => state);
    this.#pods.set(
      revision,
      Array.from({ length: desired }, () => ({ startedMs: -Infinity, placedMs: -Infinity })),
    );
    this.run(2 * tickMs);
  }

  get state(): RolloutState {
    if (!this.#state) throw new Error('the pool has not run yet');
    return this.#state;
  }

  replicas(revision: string): number {
    return this.#pods.get(revision)?.length ?? 0;
  }

  ready(revision: string): number {
    const pods = this.#pods.get(revision) ?? [];
    return pods.filter((pod) => this.#isReady(revision, pod)).length;
  }

  /** Changes the spec to another revision. */
  ask(revision: string, behaviour: Behaviour = {}): this {
    this.aim = revision;
    this.behaviours[revision] = behaviour;
    return this;
  }

  run(forMs: number): this {
    for (const untilMs = this.nowMs + forMs; this.nowMs < untilMs; this.nowMs += tickMs) this.#tick();
    return this;
  }

  runUntil(done: (pool: Pool) => boolean, withinMs = 3_600_000): this {
    const untilMs = this.nowMs + withinMs;
    while (!done(this)) {
      if (this.nowMs >= untilMs) throw new Error(`not within ${withinMs / 1000} s: ${this.state.reason}`);
      this.run(tickMs);
    }
    return this;
  }

  /** Somebody deletes a replica, and its workload starts another of the same revision. */
  deleteOne(revision: string): void {
    const pods = this.#pods.get(revision) ?? [];
    pods.shift();
    pods.push({ startedMs: this.nowMs, placedMs: this.nowMs });
  }

  /** A replica stops answering and stays so. */
  breakOne(revision: string): void {
    const pod = (this.#pods.get(revision) ?? []).find((candidate) => this.#isReady(revision, candidate));
    if (pod) pod.broken = true;
  }

  observed(): Observed {
    const arms = this.#step === undefined ? undefined : { step: this.#step, byRevision: this.#arms };
    const revisions = [...this.#pods.keys()].map((revision) => this.#view(revision));
    return { aim: this.aim, desired: this.desired, revisions, arms, annotations: this.annotations };
  }

  #tick(): void {
    this.#serve();
    const decision = next(this.#state, this.observed(), this.spec, this.nowMs);
    this.decision = decision;
    this.#state = this.#through(decision, this.nowMs);
    this.events.push(...decision.events);
    for (const [revision, count] of Object.entries(decision.replicas)) this.#resize(revision, count);
    for (const revision of this.#pods.keys()) if (!(revision in decision.replicas)) this.#pods.delete(revision);
    this.#place();
    this.#obey(decision.traffic);
    const revisions = [...this.#pods.keys()];
    this.seen.push({
      replicas: revisions.reduce((sum, revision) => sum + this.replicas(revision), 0),
      ready: revisions.reduce((sum, revision) => sum + this.ready(revision), 0),
      weights: this.#weights,
      state: this.state,
    });
  }

  #obey({ weights }: Decision['traffic']): void {
    const step = stepOf(this.state);
    if (step !== this.#step) this.#arms = {};
    this.#step = step;
    this.#weights = { ...weights };
  }

  #serve(): void {
    for (const [revision, weight] of Object.entries(this.#weights)) {
      const { errorRatio = 0, ttftMs = 100 } = this.behaviours[revision] ?? {};
      const arm = (this.#arms[revision] ??= emptyArm());
      for (let at = 0; at < Math.round((this.requestsPerTick * weight) / 100); at += 1) {
        arm.requests += 1;
        if (this.#rng() < errorRatio) arm.errors += 1;
        observe(arm.firstByte, ttftMs * (0.9 + 0.2 * this.#rng()));
      }
    }
  }

  #view(revision: string): RevisionView {
    const pods = this.#pods.get(revision) ?? [];
    const starving = pods.filter(({ placedMs, startedMs }) => {
      return placedMs === undefined && this.nowMs - startedMs >= starvedAfterMs;
    });
    const startedMs = this.#state?.update === undefined ? Infinity : this.#state.startedAtMs;
    return {
      revision,
      replicas: pods.length,
      ready: this.ready(revision),
      weight: this.#weights[revision] ?? 0,
      starved: starving.length,
      failedStarts: this.behaviours[revision]?.failedStarts,
      young: pods.filter((pod) => pod.startedMs >= startedMs).length,
    };
  }

  #isReady(revision: string, { placedMs, broken }: Pod): boolean {
    const { loadMs = 5_000 } = this.behaviours[revision] ?? {};
    return !broken && placedMs !== undefined && this.nowMs - placedMs >= loadMs;
  }

  /** Those that do not answer go first, then the newest. */
  #resize(revision: string, count: number): void {
    const pods = this.#pods.get(revision) ?? [];
    this.#pods.set(revision, pods);
    while (pods.length < count) pods.push({ startedMs: this.nowMs, placedMs: undefined });
    while (pods.length > count) {
      const unready = pods.findLastIndex((pod) => !this.#isReady(revision, pod));
      pods.splice(unready === -1 ? pods.length - 1 : unready, 1);
    }
  }

  #place(): void {
    const pods = [...this.#pods.values()].flat();
    let free = this.#accelerators - pods.filter(({ placedMs }) => placedMs !== undefined).length;
    for (const pod of pods) {
      if (pod.placedMs !== undefined || free <= 0) continue;
      pod.placedMs = this.nowMs;
      free -= 1;
    }
  }
}
