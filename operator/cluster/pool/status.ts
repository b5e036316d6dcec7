import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import { secondTime } from '@qwenfleet/kube/time';
import type { DeploymentFindings } from '../../reconcile/qwendeployment/plan/status.ts';
import type { ScaleState } from '../../scale/types.ts';
import { conditionsOf } from '../status-writer.ts';

/** A status that has been written, perhaps by another version of us: only what is read again. */
const writtenSchema = statusSchema.pick({ conditions: true, scaling: true }).loose();
export type WrittenStatus = Pick<QwenDeploymentStatus, 'conditions' | 'scaling'>;

/** What of a status can be read; nothing where it is not ours. */
export const writtenStatus = (status: unknown): WrittenStatus => writtenSchema.safeParse(status ?? {}).data ?? {};

export type StatusParts = {
  /** Epoch milliseconds. */
  nowMs: number;
  scaling: ScaleState | undefined;
  /** Replicas of the newest revision. */
  updated: number;
  /** The revision that answers. */
  currentRevision: string | undefined;
};

/** Findings as the status of a QwenDeployment: conditions get their times, decisions theirs. */
export function statusOf(
  findings: DeploymentFindings,
  before: WrittenStatus,
  { nowMs, scaling, updated, currentRevision }: StatusParts,
): QwenDeploymentStatus {
  const history = (scaling?.history ?? []).map(({ atMs, ...step }) => ({ ...step, at: secondTime(atMs) }));
  const kept = history.length > 0 ? history : (before.scaling?.history ?? []);
  const last = kept[0];
  return {
    ...findings,
    updatedReplicas: updated,
    rollout: { ...findings.rollout, ...(currentRevision === undefined ? {} : { currentRevision }) },
    scaling: {
      ...findings.scaling,
      ...(last === undefined ? {} : { lastScaleTime: last.at, reason: last.reason, history: kept }),
    },
    conditions: conditionsOf(findings.conditions, before.conditions, {
      generation: findings.observedGeneration,
      nowEpochMs: nowMs,
    }),
  };
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
