import type { QwenDeployment, QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import type { Capabilities } from '../../../specs/capabilities.ts';
import { selectorText, servingSelector } from '../../../specs/labels.ts';
import { serviceUrl } from '../../../specs/pool/service.ts';
import { scalableBy } from '../../../specs/pool/scaling-signal.ts';
import type { DeploymentPlan } from '../plan.ts';
import type { Observed, OutsideScaler } from './observed.ts';
import { deploymentStatus, type DeploymentFindings } from './status.ts';

export type ClusterStatusInput = {
  deployment: QwenDeployment;
  plan: DeploymentPlan;
  observed: Observed;
  /** Of what the spec wants now, see `clusterObjects`. */
  revision: string | undefined;
  capabilities: Capabilities;
  /** What a replica says that its model stood for when it was pulled. */
  pulled?: QwenDeploymentStatus['model'] | undefined;
};

/** The status of a pool in a cluster: what every substrate says of one, and what only a cluster has. */
export function clusterStatus(input: ClusterStatusInput): DeploymentFindings {
  const { deployment, plan, observed, revision, capabilities, pulled } = input;
  const { resolved } = plan;
  const external = resolved.engine.type === 'external' ? deployment.spec.engine.url : undefined;
  const model = { ...modelOf(deployment.spec.model), ...pulled };
  return {
    ...deploymentStatus(deployment, resolved, observed, revision),
    url: external ?? serviceUrl(deployment),
    ...(external === undefined ? { selector: selectorText(servingSelector(resolved.name)) } : {}),
    ...(Object.keys(model).length === 0 ? {} : { model }),
    capabilities,
  };
}

const commit = /^[0-9a-f]{40}$/;
const digest = /^sha256:[0-9a-f]{64}$/;

/** What the spec pins by itself, before anything is pulled. */
function modelOf({ revision, verify }: QwenDeployment['spec']['model']): NonNullable<QwenDeploymentStatus['model']> {
  const pinned = revision !== undefined && (commit.test(revision) || digest.test(revision));
  const sha256 = verify?.sha256 === undefined ? undefined : `sha256:${verify.sha256}`;
  const named = revision !== undefined && digest.test(revision) ? revision : undefined;
  const of = sha256 ?? named;
  return { ...(pinned ? { revision } : {}), ...(of === undefined ? {} : { digest: of }) };
}

/** Of the scaler that the spec names; undefined where it is this operator, or nobody. */
export function outsideScalerOf(
  { spec: { scaling } }: QwenDeployment,
  { keda, horizontalPodAutoscaler }: Capabilities,
  hasRouter: boolean,
): OutsideScaler | undefined {
  if (scaling?.owner !== 'KEDA' && scaling?.owner !== 'HPA') return undefined;
  if (!scalableBy(scaling.target.metric)) return 'no-metric';
  if (!(scaling.owner === 'KEDA' ? keda : horizontalPodAutoscaler)) return 'missing';
  return scaling.owner === 'KEDA' && !hasRouter ? 'no-router' : 'active';
}
