import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IDeploymentSpec } from 'kubernetes-models/apps/v1/DeploymentSpec';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { revisionLabel, revisionSelector, poolLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import { secondsOf } from '../seconds.ts';
import type { Pool } from './pool.ts';

/** Admits the workload to a queue; Kueue looks for it on the workload, not on its pods. */
const queueLabel = 'kueue.x-k8s.io/queue-name';

export type WorkloadOptions = {
  revision: string;
  /** Left out where somebody else writes it: server-side apply owns every field that it is given. */
  replicas: number | undefined;
};

/** What every workload of a pool is called and labelled. */
export const workloadHead = ({ name, resolved, deployment }: WorkloadOwner, revision: string) => ({
  name: revisionName(name, revision),
  labels: {
    ...poolLabels(name, resolved.tier),
    [revisionLabel]: revision,
    ...(deployment.spec.scheduling?.queueName === undefined
      ? {}
      : { [queueLabel]: deployment.spec.scheduling.queueName }),
  },
});
export type WorkloadOwner = Pick<Pool, 'name' | 'resolved' | 'deployment'>;

/**
 * The Deployment of one revision. Its template never changes, so moving from one revision to the next is a matter of
 * two Deployments and their replicas, which `kubectl rollout` and every dashboard can show.
 */
export function deploymentObject(
  of: WorkloadOwner,
  template: IPodTemplateSpec,
  { revision, replicas }: WorkloadOptions,
): KubeObject<{ spec: IDeploymentSpec }> {
  const { deployment, name } = of;
  const { rollout } = deployment.spec;
  return child(
    deployment,
    { apiVersion: 'apps/v1', kind: 'Deployment', ...workloadHead(of, revision) },
    {
      spec: {
        ...(replicas === undefined ? {} : { replicas }),
        selector: { matchLabels: revisionSelector(name, revision) },
        strategy: { type: 'RollingUpdate', rollingUpdate: rollingUpdateOf(rollout) },
        progressDeadlineSeconds: secondsOf(rollout.progressDeadline, 1),
        revisionHistoryLimit: rollout.revisionHistoryLimit,
        template,
      },
    },
  );
}

/** A spare accelerator is rare, so the default of the API is to take away before adding. Neither would never move. */
export const rollingUpdateOf = ({ maxSurge, maxUnavailable }: QwenDeployment['spec']['rollout']) => ({
  maxSurge,
  maxUnavailable: maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable,
});
