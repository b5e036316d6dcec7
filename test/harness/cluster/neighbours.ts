import { pluralOf } from '@qwenfleet/kube/resource';
import type { Cluster } from './cluster.ts';
import { kubectl } from './kubectl.ts';

/** Kinds of optional neighbours, as their projects install them, with schemas that take anything. */
export const neighbourKinds = {
  keda: ['keda.sh/v1alpha1/ScaledObject'],
  prometheusOperator: ['monitoring.coreos.com/v1/PodMonitor', 'monitoring.coreos.com/v1/PrometheusRule'],
  gatewayApi: ['gateway.networking.k8s.io/v1/HTTPRoute'],
  inferencePool: ['inference.networking.k8s.io/v1/InferencePool'],
  leaderWorkerSet: ['leaderworkerset.x-k8s.io/v1/LeaderWorkerSet'],
  kueue: ['kueue.x-k8s.io/v1beta1/LocalQueue'],
} as const;

type Neighbour = keyof typeof neighbourKinds;

export async function installNeighbours(cluster: Cluster, ...names: Neighbour[]): Promise<void> {
  const items = crdsOf(names);
  await kubectl(cluster, ['apply', '--server-side', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
  const crds = items.map(({ metadata }) => `customresourcedefinition/${metadata.name}`);
  await kubectl(cluster, ['wait', '--for=condition=Established', '--timeout=60s', ...crds]);
}

export async function removeNeighbours(cluster: Cluster, ...names: Neighbour[]): Promise<void> {
  const crds = crdsOf(names).map(({ metadata }) => `customresourcedefinition/${metadata.name}`);
  await kubectl(cluster, ['delete', '--wait=true', '--timeout=90s', ...crds]);
}

const crdsOf = (names: readonly Neighbour[]) =>
  names.flatMap((name) => neighbourKinds[name].map((kind) => crd(kind.split('/'))));

function crd([group = '', version = '', kind = '']: readonly string[]) {
  const plural = pluralOf(kind);
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // Names under *.k8s.io are guarded, and theirs are approved there.
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/kubernetes/pull/1' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: anything } }],
    },
  };
}
