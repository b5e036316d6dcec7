import { durationMs } from '@qwenfleet/core/duration';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { AnalysisSpec, RolloutSpec } from './types.ts';

type Spec = QwenDeployment['spec'];

/** What a revision is judged by where the spec has no canary block: the defaults of that block. */
const analysisDefault = { maxErrorRatio: '0.01', minRequests: 200 };

/** The rollout block with everything filled in. A test of two revisions takes the place of the strategy while it is there. */
export function rolloutSpecOf({ rollout, slo, paused }: Pick<Spec, 'rollout' | 'slo' | 'paused'>): RolloutSpec {
  const { abTest, canary } = rollout;
  return {
    strategy: abTest ? 'ABTest' : rollout.strategy,
    maxSurge: rollout.maxSurge,
    maxUnavailable: rollout.maxUnavailable,
    progressDeadlineMs: durationMs(rollout.progressDeadline),
    steps: (canary?.steps ?? []).map(({ weight, pause }) => ({ weight, pauseMs: durationMs(pause) })),
    analysis: analysisOf(canary?.analysis, slo?.ttftP95),
    abTest: abTest && { weight: abTest.weight, header: abTest.header, minRequests: abTest.minRequests },
    autoRollback: rollout.autoRollback,
    revisionHistoryLimit: rollout.revisionHistoryLimit,
    paused,
  };
}

type Analysis = NonNullable<Spec['rollout']['canary']>['analysis'];

/** A canary without a limit of its own for the first token is held to the objective. */
function analysisOf(analysis: Analysis | undefined, objective: string | undefined): AnalysisSpec {
  const { maxErrorRatio, minRequests } = analysis ?? analysisDefault;
  const ttft = analysis?.maxTTFTP95 ?? objective;
  return {
    maxErrorRatio: Number(maxErrorRatio),
    ttftMsMax: ttft === undefined ? undefined : durationMs(ttft),
    minRequests,
  };
}
