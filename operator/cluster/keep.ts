import type { ContainerStatus, Node, Pod } from '@qwenfleet/kube/kinds';

/**
 * What the cache keeps of a pod: what `Pod` names, and no more. The rest of its template is the same in every replica,
 * and two thirds of its bytes.
 */
export function keptPod(pod: Pod): Pod {
  const { apiVersion, kind, metadata, spec = {}, status = {} } = pod;
  const { containers, volumes } = spec;
  const { initContainerStatuses, containerStatuses } = status;
  return {
    apiVersion,
    kind,
    metadata,
    spec: {
      ...only(spec, ['nodeName', 'terminationGracePeriodSeconds']),
      ...(containers && { containers: containers.map((each) => only(each, ['name', 'image', 'resources'])) }),
      ...(volumes && { volumes: volumes.filter(({ persistentVolumeClaim }) => persistentVolumeClaim) }),
    },
    status: {
      ...only(status, ['phase', 'reason', 'message', 'podIP', 'startTime', 'conditions']),
      ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(keptStatus) }),
      ...(containerStatuses && { containerStatuses: containerStatuses.map(keptStatus) }),
    },
  };
}

const keptStatus = (status: ContainerStatus) =>
  only(status, ['name', 'image', 'ready', 'started', 'restartCount', 'state', 'lastState']);

/** What the cache keeps of a node: the list of its images alone is 20 KB. */
export const keptNode = ({ apiVersion, kind, metadata, status = {} }: Node): Node => ({
  apiVersion,
  kind,
  metadata: { ...metadata, annotations: undefined },
  status: only(status, ['allocatable']),
});

function only<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  const there = keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]] as const);
  // Only keys of K are taken, and one that is left out was undefined.
  return Object.fromEntries(there) as Pick<T, K>;
}
