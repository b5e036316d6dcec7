import type { Condition, Deployment, Pod } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';

/** The parts of Kubernetes' objects that say how a replica fares, as the API server writes them. */
export type LivePod = Pick<Pod, 'metadata' | 'spec' | 'status'>;

/** A Deployment or a LeaderWorkerSet: what runs one revision. */
export type LiveWorkload = Pick<KubeObject, 'metadata'> & {
  readonly spec?: { readonly replicas?: number };
  readonly status?: Pick<NonNullable<Deployment['status']>, 'replicas' | 'readyReplicas' | 'conditions'>;
};

/** A ReplicaSet says why it cannot make a pod at all: a quota, an admission policy. */
export type LiveReplicaSet = Pick<LiveWorkload, 'metadata' | 'status'>;

export type LiveClaim = Pick<KubeObject, 'metadata'> & { readonly status?: { readonly phase?: string } };

export const conditionOf = (
  of: { status?: { conditions?: readonly Condition[] | undefined } | undefined },
  type: string,
): Condition | undefined => of.status?.conditions?.find((condition) => condition.type === type);
