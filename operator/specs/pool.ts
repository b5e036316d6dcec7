import { durationMs } from '@qwenfleet/core/duration';
import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import type { DeploymentPlan } from '../reconcile/qwendeployment/plan.ts';
import { engineOf } from './engine/registry.ts';
import { poolLabels, poolSelector, revisionLabel, routerLabel } from './labels.ts';
import { child } from './object.ts';
import {
  killMarginMs,
  podTemplateOf,
  revisionOfTemplate,
  templateOfRevision,
  type PodTemplate,
} from './pod-template.ts';
import { weightsOf } from './weights.ts';

export type PoolSpecs = {
  /** Of what the spec wants now. */
  revision: string;
  port: number;
  template: PodTemplate;
  config: RuntimeConfig | undefined;
};

export type PoolSpecsInput = {
  deployment: QwenDeployment;
  plan: DeploymentPlan;
  hardwareClass: HardwareClass | undefined;
  /** Images where nobody names one, by engine. */
  images: Readonly<Record<string, string>>;
};

/** What the pods of a pool look like now, and their revision; undefined where no pods run. Pure. */
export function poolSpecsOf({ deployment, plan, hardwareClass, images }: PoolSpecsInput): PoolSpecs | undefined {
  const { resolved } = plan;
  const engine = engineOf(resolved.engine.type);
  if (!engine || resolved.blocked) return undefined;
  const weights = weightsOf(deployment.spec);
  const defaultImage = images[engine.type] ?? '';
  const container = engine.container({ deployment, hardwareClass, resolved, weights, defaultImage });
  const template = podTemplateOf({ deployment, hardwareClass, resolved, engine, container, weights });
  const config = engine.configured && plan.runtime ? inPod(plan.runtime.config, deployment, weights) : undefined;
  const revision = revisionOfTemplate(template, config, { default: defaultImage });
  return { revision, port: engine.port, template, config };
}

/** The runtime's configuration where it runs in a pod: another address, the pod's folders, and time to be killed in. */
function inPod(
  config: RuntimeConfig,
  { spec }: QwenDeployment,
  { uri, cacheDir }: { uri: string; cacheDir: string },
): RuntimeConfig {
  const graceMs = durationMs(spec.drain.gracePeriod) - durationMs(spec.drain.preStop) - killMarginMs;
  return {
    ...config,
    model: { ...config.model, uri },
    listen: { host: '0.0.0.0', port: 8000 },
    cacheDir,
    drain: { graceMs: Math.max(0, graceMs) },
  };
}

/** The image that a revision began with, as the operator chose it; what somebody edits into the pods does not count. */
export const imageAnnotation = 'qwenfleet.io/image';

function engineImage({ spec }: PodTemplate): string {
  const image = spec.containers.find((container) => container['name'] === 'engine')?.['image'];
  return typeof image === 'string' ? image : '';
}

export const revisionName = (pool: string, revision: string): string => `${pool}-${revision}`;

export type PoolObjectsInput = PoolSpecsInput & {
  owner: KubeObject;
  specs: PoolSpecs;
  /** The image that pods of this revision run with already: an upgraded operator does not replace it. */
  liveImage: string | undefined;
};

/** Everything of a pool but the number of its replicas, in the order in which it is applied. Pure. */
export function poolObjects(input: PoolObjectsInput): KubeObject[] {
  const { owner, plan, specs } = input;
  const { name, tier } = plan.resolved;
  const labels = poolLabels(name, tier);
  const of = (apiVersion: string, kind: string, objectName = name) => ({ apiVersion, kind, name: objectName, labels });
  const matchLabels = poolSelector(name);
  return [
    child(owner, of('v1', 'ServiceAccount'), { automountServiceAccountToken: false }),
    ...configMapOf(input),
    child(owner, of('v1', 'Service'), {
      spec: {
        selector: matchLabels,
        ports: [{ name: 'http', port: 8000, targetPort: 'http', protocol: 'TCP' }],
        type: 'ClusterIP',
      },
    }),
    child(owner, of('policy/v1', 'PodDisruptionBudget'), {
      spec: { maxUnavailable: 1, selector: { matchLabels }, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    }),
    child(owner, of('networking.k8s.io/v1', 'NetworkPolicy'), {
      spec: {
        podSelector: { matchLabels },
        policyTypes: ['Ingress'],
        // Routers of the namespace ask; the operator and scrapers of any namespace read load and metrics.
        ingress: [
          {
            from: [
              { podSelector: { matchExpressions: [{ key: routerLabel, operator: 'Exists' }] } },
              { namespaceSelector: {} },
            ],
            ports: [{ port: specs.port, protocol: 'TCP' }],
          },
        ],
      },
    }),
    deploymentOf(input),
  ];
}

function configMapOf({ owner, plan, specs }: PoolObjectsInput): KubeObject[] {
  if (!specs.config) return [];
  const { name, tier } = plan.resolved;
  const of = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: revisionName(name, specs.revision),
    labels: { ...poolLabels(name, tier), [revisionLabel]: specs.revision },
  };
  return [child(owner, of, { immutable: true, data: { 'runtime.json': JSON.stringify(specs.config, null, 2) } })];
}

function deploymentOf({ owner, deployment, plan, hardwareClass, specs, liveImage }: PoolObjectsInput): KubeObject {
  const { name, tier } = plan.resolved;
  const { rollout } = deployment.spec;
  const { revision, template } = specs;
  const config = revisionName(name, revision);
  // A spare accelerator is rare: without one a surge would wait for ever.
  const surge = hardwareClass?.spec.accelerator && rollout.maxSurge === 0 ? 0 : rollout.maxSurge;
  const of = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: revisionName(name, revision),
    labels: { ...poolLabels(name, tier), [revisionLabel]: revision },
    annotations: { [imageAnnotation]: liveImage ?? engineImage(template) },
  };
  return child(owner, of, {
    spec: {
      selector: { matchLabels: { ...poolSelector(name), [revisionLabel]: revision } },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: surge, maxUnavailable: Math.max(rollout.maxUnavailable, surge === 0 ? 1 : 0) },
      },
      progressDeadlineSeconds: Math.ceil(durationMs(rollout.progressDeadline) / 1000) + 1,
      revisionHistoryLimit: 1,
      template: templateOfRevision(template, revision, { config, image: liveImage }),
    },
  });
}
