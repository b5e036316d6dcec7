import { countAbove, countOf, quantileMs } from '@qwenfleet/core/load/histogram';
import { emptyArm, type Arm } from './arm.ts';
import { atLeast } from './statistics/binomial.ts';
import { moreHits, type Count } from './statistics/fisher.ts';
import type { AnalysisSpec, Arms, RolloutState, Verdict, Observed } from './types.ts';

/**
 * Chance of calling a revision bad that is exactly at its limit, per look. It is looked at all the time, and looks at
 * growing counts are worth a few dozen that are independent: together that is well under one percent.
 */
const falseAlarm = 1e-4;
/** Chance of taking two revisions that fail alike for different: only a second guard, so it may be milder. */
const alikeAlarm = 0.01;
/** Share of requests that may be slower than the limit of a 95th percentile. */
const slowShare = 0.05;

/** What results of this step are called: another name for every step of every rollout. */
export const stepOf = ({ update, round, step }: RolloutState): string | undefined =>
  update === undefined ? undefined : `${update}.${round}.${step}`;

/** The two arms of this step; undefined while there are results of another only, or none. */
export function armsOf(state: RolloutState, { arms }: Observed): Arms | undefined {
  if (!arms || state.update === undefined || arms.step !== stepOf(state)) return undefined;
  const of = (revision: string): Arm => arms.byRevision[revision] ?? emptyArm();
  return { stable: of(state.current), update: of(state.update) };
}

/**
 * Does the new revision hurt? Bad: its errors or slow first tokens exceed the limit beyond doubt, and the old revision
 * does not do just as badly. Good: enough requests, and within every limit. Anything else waits.
 */
export function judge(arms: Arms | undefined, spec: AnalysisSpec): Verdict {
  if (!arms) return { kind: 'insufficient', reason: 'InsufficientData', message: 'the routers report no results yet' };
  const findings = [errors(arms, spec), slowness(arms, spec)].filter((finding) => finding !== undefined);
  const bad = findings.find(({ kind }) => kind === 'bad');
  if (bad) return bad;
  const { requests } = arms.update;
  if (requests < spec.minRequests) {
    const message = `${requests} of ${spec.minRequests} requests seen`;
    return { kind: 'insufficient', reason: 'InsufficientData', message };
  }
  const [doubt] = findings;
  return doubt ?? { kind: 'good', reason: 'Healthy', message: `${requests} requests, within every limit` };
}

/** Undefined when there is nothing to say against it. */
function errors({ stable, update }: Arms, { maxErrorRatio }: AnalysisSpec): Verdict | undefined {
  const of = ({ errors: hits, requests }: Arm): Count => ({ hits, of: requests });
  const kind = against(of(update), of(stable), maxErrorRatio);
  if (!kind) return undefined;
  const message = `${percent(of(update))} of ${update.requests} requests failed, ${percent({ hits: maxErrorRatio, of: 1 })} may; ${percent(of(stable))} with the old revision`;
  return { kind, reason: 'ErrorRatioTooHigh', message };
}

function slowness({ stable, update }: Arms, { ttftMsMax }: AnalysisSpec): Verdict | undefined {
  if (ttftMsMax === undefined) return undefined;
  const of = ({ firstByte }: Arm): Count => ({ hits: countAbove(firstByte, ttftMsMax), of: countOf(firstByte) });
  const kind = against(of(update), of(stable), slowShare);
  if (!kind) return undefined;
  const p95 = Math.round(quantileMs(update.firstByte, 1 - slowShare) ?? 0);
  const message = `95 % of first tokens come within ${p95} ms, the limit is ${ttftMsMax} ms; ${percent(of(stable))} are later with the old revision`;
  return { kind, reason: 'TTFTTooHigh', message };
}

/** Bad beyond doubt, doubtful, or (undefined) within the limit. */
function against(update: Count, stable: Count, limit: number): 'bad' | 'inconclusive' | undefined {
  if (update.of === 0 || update.hits <= limit * update.of) return undefined;
  if (atLeast(update.hits, update.of, limit) >= falseAlarm) return 'inconclusive';
  // What an old revision does as well is no fault of the new one.
  const alsoStable = stable.hits > limit * stable.of && moreHits(update, stable) >= alikeAlarm;
  return alsoStable ? 'inconclusive' : 'bad';
}

const percent = ({ hits, of }: Count): string => `${of === 0 ? 0 : Math.round((1000 * hits) / of) / 10} %`;
