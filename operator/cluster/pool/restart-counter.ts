import type { LivePod } from '../../reconcile/qwendeployment/plan/pods/live.ts';
import { restartReasonOf, type RestartReason } from '../../pool-metrics.ts';

export type Restarts = { reason: RestartReason; count: number };

/** Restarts of a pool's containers from look to look. What was before this process looked first is left out. */
export class RestartCounter {
  #before = new Map<string, number>();

  /** Looks at all pods of the pool; those that are gone are forgotten. */
  look(pods: readonly LivePod[]): Restarts[] {
    const counts = pods.flatMap(({ metadata, status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
        ({ name, restartCount, lastState }) => ({
          key: `${metadata.uid ?? metadata.name}/${name}`,
          restartCount,
          reason: restartReasonOf(lastState?.terminated?.reason),
        }),
      ),
    );
    const found = counts.flatMap(({ key, restartCount, reason }) => {
      const count = restartCount - (this.#before.get(key) ?? restartCount);
      return count > 0 ? [{ reason, count }] : [];
    });
    this.#before = new Map(counts.map(({ key, restartCount }) => [key, restartCount]));
    return found;
  }
}
