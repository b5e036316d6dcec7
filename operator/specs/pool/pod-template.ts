import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import type { ITopologySpreadConstraint } from 'kubernetes-models/v1/TopologySpreadConstraint';
import { graceSeconds, preStopSeconds } from '../engine/engine.ts';
import { poolLabels, poolSelector, revisionSelector, roleLabel } from '../labels.ts';
import { secondsSum } from '../seconds.ts';
import { podSecurity } from '../security.ts';
import { strategicMerge } from '../strategic-merge.ts';
import { engineContainerName } from './engine-container.ts';
import type { Pool } from './pool.ts';
import { deviceClaim } from './resources.ts';
import { volumesOf } from './volumes.ts';

/** Between the end of an engine's own time to finish and the kubelet's SIGKILL. */
const killMarginSeconds = 10;

export type Role = 'server' | 'worker';

/** A pod of the pool around one container; the user's patch has the last word, but for what selectors need. */
export function podTemplateOf(pool: Pool, container: IContainer, role: Role): IPodTemplateSpec {
  const { deployment, name, revision, resolved } = pool;
  const selected = { ...revisionSelector(name, revision), [roleLabel]: role };
  const own: IPodTemplateSpec = {
    metadata: {
      labels: { ...poolLabels(name, resolved.tier), ...selected },
      annotations: { 'kubectl.kubernetes.io/default-container': engineContainerName },
    },
    spec: podSpecOf(pool, container),
  };
  // What a patch makes of it is for the API server to judge.
  const patched = strategicMerge(own, deployment.spec.podTemplate ?? {}) as IPodTemplateSpec;
  const labels = { ...patched.metadata?.labels, ...selected };
  return { ...patched, metadata: { ...patched.metadata, labels } };
}

function podSpecOf(pool: Pool, container: IContainer): IPodSpec {
  const { deployment, name, weights } = pool;
  return {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: secondsSum(preStopSeconds(deployment), graceSeconds(deployment), killMarginSeconds),
    ...(weights.initContainers.length === 0 ? {} : { initContainers: [...weights.initContainers] }),
    containers: [container],
    volumes: volumesOf(pool),
    ...(weights.imagePullSecrets.length === 0
      ? {}
      : { imagePullSecrets: weights.imagePullSecrets.map((secret) => ({ name: secret })) }),
    ...placementOf(pool),
  };
}

function placementOf(pool: Pool): Partial<IPodSpec> {
  const { deployment, hardwareClass, name, revision } = pool;
  const { nodeSelector, tolerations, runtimeClassName, accelerator } = hardwareClass?.spec ?? {};
  const { scheduling } = deployment.spec;
  const nodes = { ...nodeSelector, ...scheduling?.nodeSelector };
  const tolerated = [...(tolerations ?? []), ...(scheduling?.tolerations ?? [])].map(withoutUndefined);
  const claim = { name: deviceClaim, resourceClaimTemplateName: revisionName(name, revision) };
  return {
    ...(Object.keys(nodes).length === 0 ? {} : { nodeSelector: nodes }),
    ...(tolerated.length === 0 ? {} : { tolerations: tolerated }),
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    ...(scheduling?.priorityClassName === undefined ? {} : { priorityClassName: scheduling.priorityClassName }),
    ...(accelerator?.deviceClass === undefined ? {} : { resourceClaims: [claim] }),
    topologySpreadConstraints: spreadOf(pool),
  };
}

/** Over nodes where nobody says otherwise, so that the loss of one is not the loss of the pool. */
function spreadOf({ deployment, name }: Pool): ITopologySpreadConstraint[] {
  const labelSelector = { matchLabels: poolSelector(name) };
  const given = deployment.spec.scheduling?.topologySpread;
  if (!given) {
    return [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector }];
  }
  // As in a Pod, by the CRD's description; a constraint without a selector counts no pods at all.
  return given.map((constraint) => ({ labelSelector, ...constraint }) as ITopologySpreadConstraint);
}

const withoutUndefined = <T extends object>(of: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
