import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import type { DeploymentFindings } from '../../reconcile/qwendeployment/plan/status.ts';
import { worthWriting, type ScalingStatus } from '../../scale/status.ts';
import { conditionsOf } from '../status-writer.ts';

/** A status that has been written, perhaps by another version of us: only what is read again. */
const writtenSchema = statusSchema.pick({ conditions: true, scaling: true }).loose();
export type WrittenStatus = Pick<QwenDeploymentStatus, 'conditions' | 'scaling'>;

/** What of a status can be read; nothing where it is not ours. */
export const writtenStatus = (status: unknown): WrittenStatus => writtenSchema.safeParse(status ?? {}).data ?? {};

export type StatusParts = {
  nowEpochMs: number;
  /** Undefined where no scaler of ours decides. */
  scaling: ScalingStatus | undefined;
  /** Replicas of the newest revision. */
  updated: number;
  /** The revision that answers. */
  currentRevision: string | undefined;
};

/** Findings as the status of a QwenDeployment: conditions get their times, the scaler tells what it decided. */
export function statusOf(
  findings: DeploymentFindings,
  before: WrittenStatus,
  { nowEpochMs, scaling, updated, currentRevision }: StatusParts,
): QwenDeploymentStatus {
  return {
    ...findings,
    updatedReplicas: updated,
    rollout: { ...findings.rollout, ...(currentRevision === undefined ? {} : { currentRevision }) },
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

/** The status with the scaler's part as it was written, unless there is more to tell than what it has measured since. */
export function withoutMemoryNews(status: QwenDeploymentStatus, { scaling }: WrittenStatus): QwenDeploymentStatus {
  if (!scaling || !status.scaling || worthWriting(scaling, status.scaling)) return status;
  return { ...status, scaling };
}

/** What people should hear when a pool becomes ready, or stops being so, or is not ready for another reason. */
export function readyChange(
  before: WrittenStatus,
  status: QwenDeploymentStatus,
): { type: 'Normal' | 'Warning'; reason: string; note: string } | undefined {
  const is = status.conditions?.find(({ type }) => type === 'Ready');
  const was = before.conditions?.find(({ type }) => type === 'Ready');
  if (!is || (is.status === was?.status && is.reason === was.reason)) return undefined;
  const quiet = is.status === 'True' || is.reason === 'Starting' || is.reason === 'Suspended';
  return { type: quiet ? 'Normal' : 'Warning', reason: is.reason, note: is.message };
}
