import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';

/** The fields of leaderworkerset.x-k8s.io/v1 that are used here; no package has their types. */
export type ILeaderWorkerSetSpec = {
  replicas?: number;
  startupPolicy: 'LeaderCreated' | 'LeaderReady';
  rolloutStrategy: {
    type: 'RollingUpdate';
    rollingUpdateConfiguration: { maxSurge: number; maxUnavailable: number };
  };
  leaderWorkerTemplate: {
    size: number;
    restartPolicy: 'RecreateGroupOnPodRestart' | 'None';
    leaderTemplate: IPodTemplateSpec;
    workerTemplate: IPodTemplateSpec;
  };
};
