import type { Instant } from '@qwenfleet/core/clock';
import { stepOf } from '../../rollout/analysis.ts';
import { revisionViews } from '../../reconcile/qwendeployment/plan/pods/revisions.ts';
import { next } from '../../rollout/next.ts';
import { rolloutSpecOf } from '../../rollout/spec.ts';
import { fromStatus, toStatus, worthWriting, type RolloutStatus } from '../../rollout/status.ts';
import type { Decision, RolloutState, StepResults } from '../../rollout/types.ts';
import { withWake } from '../../rollout/wake.ts';
import { abortAnnotation, promoteAnnotation } from '../../specs/labels.ts';
import { ArmCounter, type RouterReports } from './arm-counter.ts';
import type { PoolSeen } from './observe.ts';
import { StartCounter } from './start-counter.ts';
import { writtenStatus } from './status.ts';

/** While a revision comes or goes, it is looked at this often: steps end by time as well as by events. */
const lookAgainMs = 2_000;

export type RolloutLook = {
  /** Replicas that the scaler wants, all revisions together. */
  desired: number;
  /** What routers say of the pool; undefined where no router takes it. */
  reports: RouterReports | undefined;
  nowEpochMs: number;
};

/** What is to become of the revisions of a pool, and how its status says so. */
export type Rollout = {
  decision: Decision;
  status: RolloutStatus;
  /** Is there more in it than seconds that have passed? */
  isNews: boolean;
  lookAgainMs: number | undefined;
};

/** The rollouts of one pool: its state is in the status, and only what routers counted for this step is kept here. */
export class PoolRollout {
  readonly #arms = new ArmCounter();
  readonly #starts = new StartCounter();

  /** Undefined where no pods of ours run. */
  look(seen: PoolSeen, { desired, reports, nowEpochMs }: RolloutLook): Rollout | undefined {
    const { revision: aim, deployment, object, pods, replicas, workloads } = seen;
    if (aim === undefined) return undefined;
    // Both clocks are the calendar's: a state lives in the status between two looks.
    const time: Instant = { nowMs: nowEpochMs, epochMs: nowEpochMs };
    const before = writtenStatus(object.status).rollout;
    const written = fromStatus(before, time);
    this.#starts.look(pods);
    const revisions = revisionViews({
      workloads,
      pods,
      replicas,
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
    };
    const decision = next(state, observed, rolloutSpecOf(deployment.spec), nowEpochMs);
    const moves = decision.state.update !== undefined || Object.keys(decision.replicas).length > 1;
    const status = toStatus(decision, time);
    const isNews = worthWriting(written, decision.state) || sharesOf(before) !== sharesOf(status);
    return { decision, status, isNews, lookAgainMs: moves ? lookAgainMs : undefined };
  }

  /** Without a router nobody counts, and nobody ever will: there are results, of no requests. */
  #results(state: RolloutState | undefined, reports: RouterReports | undefined): StepResults | undefined {
    const step = state && stepOf(state);
    if (reports) return this.#arms.count(step, reports);
    return step === undefined ? undefined : { step, byRevision: {} };
  }
}

const sharesOf = ({ replicas = [] }: RolloutStatus = {}): string =>
  replicas
    .map(({ revision, weight = 0 }) => `${revision} ${weight}`)
    .toSorted()
    .join();

/** Percent of a pool's traffic at a revision: the mean over routers, which is what was asked only once all do so. */
function weightInForce(revision: string, reports: RouterReports | undefined, state: RolloutState | undefined): number {
  // Without a router there is nobody to wait for.
  if (!reports) return state?.update === revision ? state.weight : 0;
  if (reports.size === 0) return 0;
  const weights = [...reports.values()].map((report) => report.revisions[revision]?.weight ?? 0);
  return weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
}
