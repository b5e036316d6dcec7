import type { Instant } from '@qwenfleet/core/clock';
import { stepOf } from '../../rollout/analysis.ts';
import { revisionViews } from '../../reconcile/qwendeployment/plan/pods/revisions.ts';
import { hostedBy, hostOf } from '../../rollout/hot/host.ts';
import { next } from '../../rollout/next.ts';
import { rolloutSpecOf } from '../../rollout/spec.ts';
import { comparedAnew, fromStatus, type RolloutStatus, toStatus, worthWriting } from '../../rollout/status.ts';
import type { Decision, Observed, RolloutState, StepResults } from '../../rollout/types.ts';
import { withWake } from '../../rollout/wake.ts';
import { abortAnnotation, promoteAnnotation } from '../../specs/labels.ts';
import { ArmCounter, type RouterReports } from './arm-counter.ts';
import type { EngineAnswers } from './engines.ts';
import { HotView } from './hot.ts';
import type { PoolSeen } from './observe.ts';
import { StartCounter } from './start-counter.ts';

/** While a revision comes or goes, it is looked at this often: steps end by time as well as by events. */
const lookAgainMs = 2_000;

export type RolloutLook = {
  /** Replicas that the scaler wants, all revisions together. */
  desired: number;
  /** What routers say of the pool; undefined where no router takes it. */
  reports: RouterReports | undefined;
  /** What engines say, where they were asked. */
  hot: { view: HotView; answers: EngineAnswers } | undefined;
  nowEpochMs: number;
};

/** What is to become of the revisions of a pool, and how its status says so. */
export type Rollout = {
  decision: Decision;
  /** By workload, the revision whose weights its pods begin with, where that is not the one that it is named after. */
  begins: ReadonlyMap<string, string>;
  status: RolloutStatus;
  /** Is there more in it than seconds that have passed? */
  isNews: boolean;
  lookAgainMs: number | undefined;
};

/** The rollouts of one pool: its state is in the status, and only what routers counted for this step is kept here. */
export class PoolRollout {
  readonly #arms = new ArmCounter();
  readonly #starts = new StartCounter();

  /** What is to be known of running engines before the next look; undefined where nothing is. */
  hotView(seen: PoolSeen, nowEpochMs: number): HotView | undefined {
    const state = stateOf(seen, nowEpochMs);
    if (!state) return undefined;
    const view = new HotView(seen, state);
    return view.wants(nowEpochMs) ? view : undefined;
  }

  /** Undefined where no pods of ours run. */
  look(seen: PoolSeen, { desired, reports, hot, nowEpochMs }: RolloutLook): Rollout | undefined {
    const { revision: aim, deployment, object, pods, replicas, workloads } = seen;
    if (aim === undefined) return undefined;
    const before = seen.written.rollout;
    const written = stateOf(seen, nowEpochMs);
    const engines = hot?.view.observed(hot.answers);
    this.#starts.look(pods);
    const revisions = revisionViews({
      workloads,
      pods,
      replicas,
      ...(written ? { hostedBy: (workload) => hostedBy(written, workload) } : {}),
      ...(written?.hot ? { answersWith: ({ metadata }) => loadedOf(engines, metadata.name) } : {}),
      weightOf: (revision) => weightInForce(revision, reports, written),
      failedStartsOf: (pod) => this.#starts.failed(pod),
      startedEpochMs: written?.update === undefined ? undefined : written.startedAtMs,
      nowEpochMs,
    });
    const state = written && withWake(written, revisions, desired);
    const annotations = object.metadata.annotations ?? {};
    const observed = {
      aim,
      desired,
      revisions,
      arms: this.#results(state, reports),
      annotations: { promote: annotations[promoteAnnotation], abort: annotations[abortAnnotation] },
      hot: engines,
    };
    const decision = next(state, observed, rolloutSpecOf(deployment.spec), nowEpochMs);
    const { state: after, replicas: told } = decision;
    const moves = after.update !== undefined || Object.keys(told).length > 1 || decision.hot.length > 0;
    const status = toStatus(decision, timeAt(nowEpochMs));
    const isNews = worthWriting(written, after) || toldAnew(before, status);
    return { decision, begins: beginsOf(decision), status, isNews, lookAgainMs: moves ? lookAgainMs : undefined };
  }

  /** Without a router nobody counts, and nobody ever will: there are results, of no requests. */
  #results(state: RolloutState | undefined, reports: RouterReports | undefined): StepResults | undefined {
    const step = state && stepOf(state);
    if (reports) return state && inRevisions(state, this.#arms.count(step, reports));
    return step === undefined ? undefined : { step, byRevision: {} };
  }
}

/** Both clocks are the calendar's: a state lives in the status between two looks. */
const timeAt = (nowEpochMs: number): Instant => ({ nowMs: nowEpochMs, epochMs: nowEpochMs });

const stateOf = ({ written }: PoolSeen, nowEpochMs: number): RolloutState | undefined =>
  fromStatus(written.rollout, timeAt(nowEpochMs));

const loadedOf = (engines: Observed['hot'], pod: string): string | undefined =>
  engines?.replicas.find(({ id }) => id === pod)?.loaded;

/** Routers know revisions by the names of pods, which are those of their workloads. */
const inRevisions = (state: RolloutState, results: StepResults | undefined): StepResults | undefined =>
  results && {
    ...results,
    byRevision: Object.fromEntries(
      Object.entries(results.byRevision).map(([workload, arm]) => [hostedBy(state, workload), arm]),
    ),
  };

function beginsOf({ state, startWith }: Decision): Map<string, string> {
  const begins = new Map(Object.entries(state.hosts).map(([revision, workload]) => [workload, revision]));
  if (state.hot) begins.set(hostOf(state, state.current), startWith ?? state.current);
  for (const [workload, revision] of begins) if (workload === revision) begins.delete(workload);
  return begins;
}

const toldAnew = (before: RolloutStatus | undefined, status: RolloutStatus): boolean =>
  sharesOf(before) !== sharesOf(status) || comparedAnew(before, status);

const sharesOf = ({ replicas = [] }: RolloutStatus = {}): string =>
  replicas
    .map(({ revision, weight = 0, host = revision }) => `${revision} ${host} ${weight}`)
    .toSorted()
    .join();

/** Percent of a pool's traffic at a revision: the mean over routers, which is what was asked only once all do so. */
function weightInForce(revision: string, reports: RouterReports | undefined, state: RolloutState | undefined): number {
  // Without a router there is nobody to wait for.
  if (!reports) return state?.update === revision ? state.weight : 0;
  if (reports.size === 0) return 0;
  const workload = state ? hostOf(state, revision) : revision;
  const weights = [...reports.values()].map((report) => report.revisions[workload]?.weight ?? 0);
  return weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
}
