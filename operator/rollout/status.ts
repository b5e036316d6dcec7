import type { Instant } from '@qwenfleet/core/clock';
import { momentOf, stampOf } from '@qwenfleet/core/timestamp';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { messageLengthMax, pastMax, revisionsMax } from '@qwenfleet/crds/qwendeployment/rollout-status';
import type { AbResult, ArmResult } from './ab-result.ts';
import type { HotState } from './hot/drive.ts';
import type { Interval } from './statistics/interval.ts';
import type { Decision, Outcome, RolloutState, StrategyName } from './types.ts';
import { strategies } from './strategies.ts';

export type RolloutStatus = NonNullable<QwenDeploymentStatus['rollout']>;

const outcomes: readonly Outcome[] = ['Replaced', 'RolledBack', 'Aborted', 'Reverted', 'Superseded'];
/** Before anything was seen, every number of old replicas is a record. */
const nothingSeen = Number.MAX_SAFE_INTEGER;
/** What the schema of the status counts up to. */
const replicasMax = 100_000;

/** The state of a rollout as a resource's `status.rollout`: everything that a next process needs, in bounded size. */
export function toStatus(decision: Pick<Decision, 'state'> & Partial<Decision>, time: Instant): RolloutStatus {
  const { state, abTest, traffic } = decision;
  const stamp = (atMs: number): string => stampOf(atMs, time);
  const { progress, rejected, hot, obeyed, drainFirst } = state;
  return {
    currentRevision: state.current,
    ...(state.update === undefined ? {} : { updateRevision: state.update }),
    round: state.round,
    strategy: state.strategy,
    step: state.step,
    // At rest nothing is being given a share.
    ...(state.update === undefined ? {} : { weight: state.weight }),
    startedAt: stamp(state.startedAtMs),
    ...(state.stepStartedAtMs === undefined ? {} : { stepStartedAt: stamp(state.stepStartedAtMs) }),
    reason: short(state.reason),
    progress: {
      ...(progress.atMs === undefined ? {} : { at: stamp(progress.atMs) }),
      ready: progress.ready,
      old: Math.min(progress.old, replicasMax),
    },
    ...(drainFirst ? { drainFirst: { replicas: drainFirst.reach, at: stamp(drainFirst.atMs) } } : {}),
    promoted: state.promoted,
    replicas: replicasStatus(state, traffic),
    ...(rejected ? { rejected: rejectedStatus(rejected, stamp) } : {}),
    obeyed: {
      ...(obeyed.promote === undefined ? {} : { promote: obeyed.promote }),
      ...(obeyed.abort === undefined ? {} : { abort: obeyed.abort }),
    },
    ...(hot ? { hot: hotStatus(hot, stamp) } : {}),
    ...(abTest && state.update !== undefined ? { abTest: abStatus(abTest, state.current, state.update) } : {}),
    history: state.history
      .slice(0, pastMax)
      .map(({ revision, atMs, outcome, message }) => ({ revision, at: stamp(atMs), outcome, message: short(message) })),
  };
}

/**
 * Is there anything in it that a next process or a person would miss? Seconds that pass and requests that are counted
 * are no reason to write, and progress of replicas is written down once a minute, so that a deadline is never off by more.
 */
export function worthWriting(stored: RolloutState | undefined, next: RolloutState): boolean {
  return stored === undefined || visible(stored) !== visible(next);
}

function visible({ progress, drainFirst, reason, ...rest }: RolloutState): string {
  const moved = rest.update === undefined || progress.atMs === undefined ? undefined : minuteOf(progress.atMs);
  const drains = drainFirst && { ...drainFirst, atMs: minuteOf(drainFirst.atMs) };
  return JSON.stringify({ ...rest, moved, drains, reason: withoutFigures(reason) });
}

/** A comparison is written again when its verdict is another, or a tenth more requests are behind it. */
const comparedShare = 1.1;

/** Do two revisions under test compare otherwise than it is written, so that a person would miss it? */
export function comparedAnew({ abTest: before }: RolloutStatus = {}, { abTest: after }: RolloutStatus): boolean {
  if (!before || !after) return before !== after;
  const grown = (['old', 'new'] as const).some((arm) => after[arm].requests > comparedShare * before[arm].requests);
  return grown || before.verdict !== after.verdict;
}

const minuteOf = (atMs: number): number => Math.floor(atMs / 60_000);

/** Words as they are, whatever is counted in them. */
export const withoutFigures = (message: string): string => message.replace(/\d+(\.\d+)?/g, '#');

/** The state as the last process of the operator left it; undefined where there was none, and `next` adopts what it finds. */
export function fromStatus(status: RolloutStatus | undefined, time: Instant): RolloutState | undefined {
  if (status?.currentRevision === undefined || status.round === undefined) return undefined;
  const { history = [], replicas = [], obeyed, hot, drainFirst } = status;
  return {
    current: status.currentRevision,
    update: status.updateRevision,
    round: status.round,
    strategy: strategyOf(status.strategy),
    step: status.step ?? 0,
    weight: status.weight ?? 0,
    startedAtMs: moment(status.startedAt, time),
    stepStartedAtMs: momentOf(status.stepStartedAt, time),
    progress: progressState(status.progress, time),
    drainFirst: drainFirst && { reach: drainFirst.replicas, atMs: moment(drainFirst.at, time) },
    promoted: status.promoted === true,
    told: Object.fromEntries(replicas.map(({ revision, replicas: told }) => [revision, told])),
    hosts: Object.fromEntries(replicas.flatMap(({ revision, host }) => (host === undefined ? [] : [[revision, host]]))),
    rejected: rejectedState(status.rejected, time),
    obeyed: { promote: obeyed?.promote, abort: obeyed?.abort },
    hot: hot && hotState(hot, time),
    history: history.map(({ at, ...past }) => ({ ...past, atMs: moment(at, time) })),
    reason: status.reason ?? '',
  };
}

function progressState(progress: RolloutStatus['progress'], time: Instant): RolloutState['progress'] {
  if (!progress) return { atMs: time.nowMs, ready: 0, old: nothingSeen };
  const { at, ready, old } = progress;
  return { atMs: momentOf(at, time), ready, old: old >= replicasMax ? nothingSeen : old };
}

function rejectedState(rejected: RolloutStatus['rejected'], time: Instant): RolloutState['rejected'] {
  if (!rejected) return undefined;
  const { at, ...cause } = rejected;
  return { ...cause, atMs: moment(at, time) };
}

/** What has no time is taken for new: every span then begins with this process. */
const moment = (stamp: string | undefined, time: Instant): number => momentOf(stamp, time) ?? time.nowMs;

type Stamp = (atMs: number) => string;

/** What each revision was told, its share, and where it lives; one that is left out gets nothing. */
function replicasStatus(
  { told, hosts }: RolloutState,
  traffic: Decision['traffic'] | undefined,
): NonNullable<RolloutStatus['replicas']> {
  const weights = traffic?.weights ?? {};
  const named = new Set([...Object.keys(told), ...Object.keys(hosts), ...Object.keys(weights)]);
  return [...named].slice(0, revisionsMax).map((revision) => {
    const [weight, host] = [weights[revision], hosts[revision]];
    return {
      revision,
      replicas: told[revision] ?? 0,
      ...(weight === undefined ? {} : { weight }),
      ...(host === undefined ? {} : { host }),
    };
  });
}

const rejectedStatus = (
  { revision, reason, message, atMs }: NonNullable<RolloutState['rejected']>,
  stamp: Stamp,
): NonNullable<RolloutStatus['rejected']> => ({ revision, reason, message: short(message), at: stamp(atMs) });

function hotStatus(
  { replica, sinceMs, loadedAtMs, anew, back }: HotState,
  stamp: Stamp,
): NonNullable<RolloutStatus['hot']> {
  return {
    ...(replica === undefined ? {} : { replica }),
    ...(sinceMs === undefined ? {} : { since: stamp(sinceMs) }),
    ...(loadedAtMs === undefined ? {} : { loadedAt: stamp(loadedAtMs) }),
    ...(anew ? { anew } : {}),
    ...(back ? { back: { ...back, message: short(back.message) } } : {}),
  };
}

function hotState(
  { replica, since, loadedAt, anew = false, back }: NonNullable<RolloutStatus['hot']>,
  time: Instant,
): HotState {
  const outcome = outcomes.find((known) => known === back?.outcome) ?? 'RolledBack';
  return {
    replica,
    sinceMs: momentOf(since, time),
    loadedAtMs: momentOf(loadedAt, time),
    anew,
    back: back && { outcome, reason: back.reason, message: back.message },
  };
}

function abStatus(result: AbResult, old: string, update: string): NonNullable<RolloutStatus['abTest']> {
  const { ttftMsP95Difference: times } = result;
  return {
    old: armStatus(result.old, old),
    new: armStatus(result.new, update),
    errorRatioDifference: intervalStatus(result.errorRatioDifference, 5),
    ...(times ? { ttftMsP95Difference: intervalStatus(times, 0) } : {}),
    verdict: result.verdict,
  };
}

const armStatus = ({ requests, errors, errorRatio, ttftMsP95 }: ArmResult, revision: string) => ({
  revision,
  requests,
  errors,
  errorRatio: errorRatio.toFixed(5),
  ...(ttftMsP95 === undefined ? {} : { ttftMsP95: ttftMsP95.toFixed(0) }),
});

const intervalStatus = ({ low, high }: Interval, digits: number) => ({
  low: Number.isFinite(low) ? low.toFixed(digits) : String(low),
  high: Number.isFinite(high) ? high.toFixed(digits) : String(high),
});

const strategyOf = (name: string | undefined): StrategyName =>
  Object.values(strategies).find((strategy) => strategy.name === name)?.name ?? 'Rolling';

const short = (message: string): string => message.slice(0, messageLengthMax);
