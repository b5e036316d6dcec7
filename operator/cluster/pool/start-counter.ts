import { conditionOf, type LivePod } from '../../reconcile/qwendeployment/plan/pods/live.ts';

/**
 * Starts of pods that failed in a row. Kubernetes counts restarts over the whole life of a pod; what it counted before
 * the pod was ready last, or before this process looked first, is left out.
 */
export class StartCounter {
  #before = new Map<string, number>();

  /** Looks at all pods of a pool; those that are gone are forgotten. */
  look(pods: readonly LivePod[]): void {
    this.#before = new Map(
      pods.map((pod) => {
        const { name } = pod.metadata;
        const restarts = restartsOf(pod);
        const isReady = conditionOf(pod, 'Ready')?.status === 'True';
        return [name, isReady ? restarts : (this.#before.get(name) ?? restarts)];
      }),
    );
  }

  failed(pod: LivePod): number {
    return restartsOf(pod) - (this.#before.get(pod.metadata.name) ?? 0);
  }
}

const restartsOf = ({ status }: LivePod): number =>
  Math.max(
    0,
    ...[...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
      ({ restartCount }) => restartCount,
    ),
  );
