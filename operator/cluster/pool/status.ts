import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import type { DeploymentFindings } from '../../reconcile/qwendeployment/plan/status.ts';
import type { Condition } from '@qwenfleet/crds/status';
import { withoutFigures, type RolloutStatus } from '../../rollout/status.ts';
import { worthWriting, type ScalingStatus } from '../../scale/status.ts';
import { conditionsOf } from '../status-writer.ts';

/** A status that has been written, perhaps by another version of us: only what is read again. */
const writtenSchema = statusSchema.pick({ conditions: true, scaling: true, rollout: true }).loose();
export type WrittenStatus = Pick<QwenDeploymentStatus, 'conditions' | 'scaling' | 'rollout'>;

/** What of a status can be read; nothing where it is not ours. */
export const writtenStatus = (status: unknown): WrittenStatus => writtenSchema.safeParse(status ?? {}).data ?? {};

export type StatusParts = {
  nowEpochMs: number;
  /** Undefined where no scaler of ours decides. */
  scaling: ScalingStatus | undefined;
  /** Replicas of the newest revision. */
  updated: number;
  /** Undefined where there are no revisions. */
  rollout: RolloutStatus | undefined;
};

/** Findings as the status of a QwenDeployment: conditions get their times, the scaler tells what it decided. */
export function statusOf(
  findings: DeploymentFindings,
  before: WrittenStatus,
  { nowEpochMs, scaling, updated, rollout }: StatusParts,
): QwenDeploymentStatus {
  const { rollout: _found, ...rest } = findings;
  return {
    ...rest,
    updatedReplicas: updated,
    ...(rollout ? { rollout } : {}),
    scaling: scaling ?? { ...findings.scaling, ...pastOf(before.scaling) },
    conditions: conditionsOf(findings.conditions, before.conditions, {
      generation: findings.observedGeneration,
      nowEpochMs,
    }),
  };
}

/** What was decided before somebody else began to write replicas. */
const pastOf = ({ lastScaleTime, history }: ScalingStatus = {}): ScalingStatus => ({
  ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
  ...(history === undefined ? {} : { history }),
});

/**
 * The status with its memories as they were written, unless there is more to tell than what was measured since: of the
 * scaler, and of a rollout that only counts seconds and requests.
 */
export function withoutMemoryNews(
  status: QwenDeploymentStatus,
  before: WrittenStatus,
  rolloutNews: boolean,
): QwenDeploymentStatus {
  const { scaling, rollout } = before;
  const scaled = scaling && status.scaling && !worthWriting(scaling, status.scaling) ? { ...status, scaling } : status;
  if (rolloutNews || !rollout || !scaled.rollout) return scaled;
  return { ...scaled, rollout, conditions: (scaled.conditions ?? []).map((is) => settled(is, before)) };
}

/** Conditions whose words count seconds and requests. */
const countingConditions: readonly string[] = ['RolloutHealthy', 'Progressing'];

function settled(is: Condition, { conditions = [] }: WrittenStatus): Condition {
  const was = conditions.find(({ type }) => type === is.type);
  if (!was || !countingConditions.includes(is.type)) return is;
  const same = was.status === is.status && was.reason === is.reason;
  return same && withoutFigures(was.message) === withoutFigures(is.message) ? { ...is, message: was.message } : is;
}
