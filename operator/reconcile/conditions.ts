import type { Condition } from '@qwenfleet/crds/status';

/** A condition before it has a time. */
export type Finding = { type: string; status: Condition['status']; reason: string; message: string };

/** Finding as a condition: the time moves only when the status flips, so that a quiet object is not written to. */
export function withTransitions(
  before: readonly Condition[],
  findings: readonly Finding[],
  nowIso: string,
): Condition[] {
  return findings.map((finding) => {
    const old = before.find(({ type }) => type === finding.type);
    const lastTransitionTime = old?.status === finding.status ? old.lastTransitionTime : nowIso;
    return { ...finding, lastTransitionTime };
  });
}

export const holds = (type: string, reason: string, message: string): Finding => ({
  type,
  status: 'True',
  reason,
  message,
});
export const fails = (type: string, reason: string, message: string): Finding => ({
  type,
  status: 'False',
  reason,
  message,
});
export const unknown = (type: string, reason: string, message: string): Finding => ({
  type,
  status: 'Unknown',
  reason,
  message,
});
