/**
 * The parts of Kubernetes' objects that say how a replica fares, as the API server writes them: raw JSON, times as RFC
 * 3339 text, and everything optional that may be missing at some moment.
 */
export type LiveCondition = {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastTransitionTime?: string | undefined;
};

export type Terminated = {
  exitCode: number;
  signal?: number | undefined;
  reason?: string | undefined;
  message?: string | undefined;
  finishedAt?: string | undefined;
};

export type ContainerStatus = {
  name: string;
  image?: string | undefined;
  ready?: boolean | undefined;
  started?: boolean | undefined;
  restartCount?: number | undefined;
  state?: ContainerState | undefined;
  lastState?: ContainerState | undefined;
};

export type ContainerState = {
  waiting?: { reason?: string | undefined; message?: string | undefined } | undefined;
  running?: { startedAt?: string | undefined } | undefined;
  terminated?: Terminated | undefined;
};

type Meta = {
  name: string;
  labels?: Readonly<Record<string, string>> | undefined;
  creationTimestamp?: string | undefined;
  deletionTimestamp?: string | undefined;
};

export type LivePod = {
  metadata: Meta;
  spec?: {
    nodeName?: string | undefined;
    containers?: readonly {
      name: string;
      image?: string | undefined;
      resources?: { limits?: Readonly<Record<string, string | number>> | undefined } | undefined;
    }[];
    volumes?: readonly { name: string; persistentVolumeClaim?: { claimName: string } | undefined }[] | undefined;
  };
  status?: {
    phase?: string | undefined;
    reason?: string | undefined;
    message?: string | undefined;
    conditions?: readonly LiveCondition[] | undefined;
    initContainerStatuses?: readonly ContainerStatus[] | undefined;
    containerStatuses?: readonly ContainerStatus[] | undefined;
  };
};

/** A Deployment or a LeaderWorkerSet: what runs one revision. */
export type LiveWorkload = {
  metadata: Meta;
  spec?: { replicas?: number | undefined };
  status?: {
    replicas?: number | undefined;
    readyReplicas?: number | undefined;
    conditions?: readonly LiveCondition[] | undefined;
  };
};

/** A ReplicaSet says why it cannot make a pod at all: a quota, an admission policy. */
export type LiveReplicaSet = Pick<LiveWorkload, 'metadata' | 'status'>;

export type LiveClaim = { metadata: Meta; status?: { phase?: string | undefined } };

export const conditionOf = (
  of: { status?: { conditions?: readonly LiveCondition[] | undefined } | undefined },
  type: string,
): LiveCondition | undefined => of.status?.conditions?.find((condition) => condition.type === type);
