import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Role } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import { RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import { ResourceClaimTemplate } from 'kubernetes-models/resource.k8s.io/v1/ResourceClaimTemplate';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { PodTemplate } from 'kubernetes-models/v1/PodTemplate';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import type { ILeaderWorkerSetSpec } from '../leader-worker-set-spec.ts';
import { isLabelKey, isLabelValue, isObjectName } from '../labels.ts';
import type { KubeObject } from '../object.ts';
import { podProblems } from './pod-problems.ts';

type Validate = (object: KubeObject) => void;
type Model = new (data: never) => { validate(): void };

/** The schemas of Kubernetes and its neighbours, by `apiVersion/kind`. */
const models: readonly (Model & { apiVersion: string; kind: string })[] = [
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  HTTPRoute,
  NetworkPolicy,
  PodDisruptionBudget,
  PodMonitor,
  PrometheusRule,
  ResourceClaimTemplate,
  Role,
  RoleBinding,
  ScaledObject,
  Secret,
  Service,
  ServiceAccount,
];

const byModel = models.map((model): [string, Validate] => [
  `${model.apiVersion}/${model.kind}`,
  (object) => new model(object as never).validate(),
]);

/** Kinds that no package knows: their pods are checked, and the few fields around them are typed in the builder. */
const byHand: [string, Validate][] = [
  [
    'leaderworkerset.x-k8s.io/v1/LeaderWorkerSet',
    (object) => {
      const { leaderWorkerTemplate } = (object as KubeObject<{ spec: ILeaderWorkerSetSpec }>).spec;
      for (const template of [leaderWorkerTemplate.leaderTemplate, leaderWorkerTemplate.workerTemplate]) {
        new PodTemplate({ template }).validate();
      }
    },
  ],
  ['inference.networking.k8s.io/v1/InferencePool', () => undefined],
];

const validators = new Map<string, Validate>([...byModel, ...byHand]);

/** Names of Services and of what is derived from them in DNS. */
const dnsLabel = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Everything that an API server would refuse of an object; empty for one that it takes. */
export function problemsOf(object: KubeObject): string[] {
  const name = `${object.kind}/${object.metadata.name}`;
  return [...schemaProblems(object), ...metaProblems(object), ...podProblems(object)].map(
    (problem) => `${name}: ${problem}`,
  );
}

function schemaProblems(object: KubeObject): string[] {
  const validate = validators.get(`${object.apiVersion}/${object.kind}`);
  if (!validate) return [`there is no schema for ${object.apiVersion}`];
  try {
    validate(object);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const json: unknown = JSON.parse(JSON.stringify(object));
  return JSON.stringify(json) === JSON.stringify(object) ? [] : ['it is not plain JSON'];
}

function metaProblems({ kind, metadata }: KubeObject): string[] {
  const { name, labels, annotations } = metadata;
  const isName = kind === 'Service' ? dnsLabel.test(name) : isObjectName(name);
  return [
    ...(isName && name.length <= 63 ? [] : [`the name "${name}"`]),
    ...Object.entries(labels).flatMap(([key, value]) =>
      isLabelKey(key) && isLabelValue(value) ? [] : [`the label ${key}: ${value}`],
    ),
    ...Object.keys(annotations).flatMap((key) => (isLabelKey(key) ? [] : [`the annotation ${key}`])),
  ];
}
