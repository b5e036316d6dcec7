import type { ILeaderWorkerSetSpec } from '../leader-worker-set-spec.ts';
import { child, type KubeObject } from '../object.ts';
import type { WorkloadOptions, WorkloadOwner } from './deployment.ts';
import { rollingUpdateOf, workloadHead } from './deployment.ts';
import type { Workload } from './workload.ts';

type Group = Extract<Workload, { kind: 'LeaderWorkerSet' }>;

/** Groups of pods, each of which is one replica: when one pod of a group is lost, the whole group begins anew. */
export function leaderWorkerSetObject(
  of: WorkloadOwner,
  { size, leader, worker }: Group,
  { revision, replicas }: WorkloadOptions,
): KubeObject<{ spec: ILeaderWorkerSetSpec }> {
  const head = { apiVersion: 'leaderworkerset.x-k8s.io/v1', kind: 'LeaderWorkerSet', ...workloadHead(of, revision) };
  return child(of.deployment, head, {
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      startupPolicy: 'LeaderCreated',
      rolloutStrategy: {
        type: 'RollingUpdate',
        rollingUpdateConfiguration: rollingUpdateOf(of.deployment.spec.rollout),
      },
      leaderWorkerTemplate: {
        size,
        restartPolicy: 'RecreateGroupOnPodRestart',
        leaderTemplate: leader,
        workerTemplate: worker,
      },
    },
  });
}
