/** Optional neighbours, as discovery found them. They may come and go while the operator runs. */
export type Capabilities = {
  keda: boolean;
  /** In every cluster, and not in the rights of every operator. */
  horizontalPodAutoscaler: boolean;
  prometheusOperator: boolean;
  gatewayApi: boolean;
  inferencePool: boolean;
  leaderWorkerSet: boolean;
  kueue: boolean;
  /** Images as volumes: on by default since Kubernetes 1.35. */
  imageVolumes: boolean;
  /** Dynamic resource allocation, resource.k8s.io/v1: since Kubernetes 1.34. */
  dynamicResources: boolean;
  /** May a HorizontalPodAutoscaler go to zero? A feature gate, on by default since Kubernetes 1.37. */
  hpaScaleToZero: boolean;
};

/** A plain cluster of a version where nothing optional can be counted on. */
export const noCapabilities: Capabilities = {
  keda: false,
  horizontalPodAutoscaler: false,
  prometheusOperator: false,
  gatewayApi: false,
  inferencePool: false,
  leaderWorkerSet: false,
  kueue: false,
  imageVolumes: false,
  dynamicResources: false,
  hpaScaleToZero: false,
};

/**
 * Group, version and kind by which each neighbour is found: `apiVersion` and the kinds that must be served. The operator
 * makes objects of all of them but Kueue's queues, which belong to people.
 */
export const capabilityApis = {
  horizontalPodAutoscaler: { apiVersion: 'autoscaling/v2', kinds: ['HorizontalPodAutoscaler'] },
  keda: { apiVersion: 'keda.sh/v1alpha1', kinds: ['ScaledObject'] },
  prometheusOperator: { apiVersion: 'monitoring.coreos.com/v1', kinds: ['PodMonitor', 'PrometheusRule'] },
  gatewayApi: { apiVersion: 'gateway.networking.k8s.io/v1', kinds: ['HTTPRoute'] },
  inferencePool: { apiVersion: 'inference.networking.k8s.io/v1', kinds: ['InferencePool'] },
  leaderWorkerSet: { apiVersion: 'leaderworkerset.x-k8s.io/v1', kinds: ['LeaderWorkerSet'] },
  kueue: { apiVersion: 'kueue.x-k8s.io/v1beta1', kinds: ['LocalQueue'] },
  dynamicResources: { apiVersion: 'resource.k8s.io/v1', kinds: ['ResourceClaimTemplate'] },
} as const satisfies Partial<Record<keyof Capabilities, { apiVersion: string; kinds: readonly string[] }>>;

/** What an installation says about its neighbours, where finding them is not enough. */
export type Integrations = {
  /** Labels by which the cluster's Prometheus finds its PodMonitors and PrometheusRules. */
  monitorLabels?: Readonly<Record<string, string>>;
  /** Where docs/runbooks is published, so that alerts link to their pages. */
  runbooksUrl?: string;
  /** The Gateway that routers, and exported pools, attach to; without one there are no routes. */
  gateway?: { name: string; namespace?: string; sectionName?: string };
  /** The endpoint picker of InferencePools, which their API asks for; without one no pool is exported. */
  endpointPicker?: { name: string; port: number };
  /** Pods that may scrape metrics, as an entry of a NetworkPolicy; Prometheus by its usual label when left out. */
  scrapers?: readonly ScraperPeer[];
};

export type ScraperPeer = {
  namespaceSelector?: { matchLabels: Record<string, string> };
  podSelector?: { matchLabels: Record<string, string> };
};

/** Are pools exported to a gateway of their own? Then requests reach them past the router and its keys. */
export function exportOf(
  { gatewayApi, inferencePool }: Capabilities,
  { gateway, endpointPicker }: Integrations,
): { gateway: NonNullable<Integrations['gateway']>; endpointPicker: { name: string; port: number } } | undefined {
  if (!gatewayApi || !inferencePool || !gateway || !endpointPicker) return undefined;
  return { gateway, endpointPicker };
}
