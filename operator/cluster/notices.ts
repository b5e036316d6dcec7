import type { Condition } from '@qwenfleet/crds/status';

/** Something that people should hear of an object, as an event tells it. */
export type Notice = { type: 'Normal' | 'Warning'; reason: string; note: string };

/** What happens on any day, and worries nobody. */
const everyday = new Set(['Starting', 'Suspended', 'OutOfHours', 'Paused', 'MinimumAvailable']);

/**
 * What changed between two statuses that people should hear: that the object is ready, stops being so, or is not ready
 * for another reason; and, while it serves, why some of its replicas do not. Nothing is said twice.
 */
export function noticesOf(before: readonly Condition[] | undefined, after: readonly Condition[]): Notice[] {
  const ready = after.find(({ type }) => type === 'Ready');
  const changed = ['Ready', 'WorkloadAvailable'].flatMap((type) => {
    const is = after.find((condition) => condition.type === type);
    const was = before?.find((condition) => condition.type === type);
    return is && (is.status !== was?.status || is.reason !== was.reason) ? [is] : [];
  });
  return changed
    .filter((of) => of.type === 'Ready' || (of.status === 'False' && of.reason !== ready?.reason))
    .filter((of) => of.type === 'Ready' || !everyday.has(of.reason))
    .map(({ status, reason, message }) => ({
      type: status === 'True' || everyday.has(reason) ? 'Normal' : 'Warning',
      reason,
      note: message,
    }));
}
