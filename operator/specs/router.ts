import { durationMs } from '@qwenfleet/core/duration';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { routerLabels, routerSelector } from './labels.ts';
import { child } from './object.ts';
import { containerSecurity, podSecurity } from './security.ts';

/** Beyond the router's own time to finish open answers. */
const killMarginSeconds = 10;
/** Time for everyone to notice that a router goes. */
const preStopSeconds = 5;

export const routerSecretName = (router: string): string => `${router}-config`;
export const routerConfigFile = 'config.json';

export type RouterObjectsInput = {
  owner: KubeObject;
  router: QwenRouter;
  config: RouterConfig;
  image: string;
};

/** Everything of a router, in the order in which it is applied. A changed configuration changes no pod. Pure. */
export function routerObjects({ owner, router, config, image }: RouterObjectsInput): KubeObject[] {
  const { name } = router.metadata;
  const labels = routerLabels(name);
  const of = (apiVersion: string, kind: string, objectName = name) => ({ apiVersion, kind, name: objectName, labels });
  const matchLabels = routerSelector(name);
  const port = router.spec.listen.port;
  return [
    child(owner, of('v1', 'ServiceAccount'), {}),
    child(owner, of('rbac.authorization.k8s.io/v1', 'Role'), { rules: rulesOf(name) }),
    child(owner, of('rbac.authorization.k8s.io/v1', 'RoleBinding'), {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: owner.metadata.namespace }],
    }),
    child(owner, of('v1', 'Secret', routerSecretName(name)), {
      type: 'Opaque',
      data: { [routerConfigFile]: Buffer.from(JSON.stringify(config)).toString('base64') },
    }),
    child(owner, of('v1', 'Service'), {
      spec: {
        selector: matchLabels,
        type: 'ClusterIP',
        ports: [{ name: 'http', port, targetPort: 'http', protocol: 'TCP' }],
      },
    }),
    child(owner, of('policy/v1', 'PodDisruptionBudget'), {
      spec: { maxUnavailable: 1, selector: { matchLabels }, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    }),
    child(owner, of('apps/v1', 'Deployment'), {
      spec: {
        replicas: router.spec.replicas,
        selector: { matchLabels },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template: { metadata: { labels }, spec: podSpecOf(router, image) },
      },
    }),
  ];
}

/** Only its own namespace, only what discovery reads, and the one write that wakes a pool. */
const rulesOf = (name: string): Record<string, unknown>[] => [
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['qwenfleet.io'], resources: ['qwendeployments'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [routerSecretName(name)], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['get', 'patch'] },
];

function podSpecOf(router: QwenRouter, image: string): Record<string, unknown> {
  const { name } = router.metadata;
  const { port } = router.spec.listen;
  const graceSeconds = Math.ceil(durationMs(router.spec.drain.gracePeriod) / 1000);
  return {
    serviceAccountName: name,
    enableServiceLinks: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: graceSeconds + preStopSeconds + killMarginSeconds,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: routerSelector(name) },
      },
    ],
    containers: [
      {
        name: 'router',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['node', 'router/main.ts'],
        args: ['--discovery', 'kube', '--config-secret', routerSecretName(name)],
        env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
        ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
        securityContext: containerSecurity,
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
        readinessProbe: { httpGet: { path: '/health/ready', port: 'http' }, periodSeconds: 2, timeoutSeconds: 2 },
        livenessProbe: { httpGet: { path: '/health/live', port: 'http' }, periodSeconds: 10, timeoutSeconds: 5 },
        lifecycle: { preStop: { sleep: { seconds: preStopSeconds } } },
      },
    ],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
}
