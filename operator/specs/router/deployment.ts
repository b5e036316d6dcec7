import type { IDeploymentSpec } from 'kubernetes-models/apps/v1/DeploymentSpec';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import type { IProbe } from 'kubernetes-models/v1/Probe';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import { routerLabels, routerSelector } from '../labels.ts';
import { child, namespaceOf, type KubeObject } from '../object.ts';
import { secondsOf, secondsSum } from '../seconds.ts';
import { containerSecurity, podSecurity } from '../security.ts';
import { configSecretName, listenPort } from './router.ts';

/** Time for whoever sends requests to notice that a router goes. */
const preStopSeconds = 10;
/** Between the end of a router's own time to finish and the kubelet's SIGKILL. */
const killMarginSeconds = 10;
const progressDeadlineSeconds = 300;

/** A router never takes one away before another is there: it holds the requests of people who wait. */
export function deployment(router: QwenRouter, image: string): KubeObject<{ spec: IDeploymentSpec }> {
  const { name } = router.metadata;
  const labels = routerLabels(name);
  return child(
    router,
    { apiVersion: 'apps/v1', kind: 'Deployment', name, labels },
    {
      spec: {
        replicas: router.spec.replicas,
        selector: { matchLabels: routerSelector(name) },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        progressDeadlineSeconds,
        revisionHistoryLimit: 3,
        template: {
          metadata: { labels, annotations: { 'kubectl.kubernetes.io/default-container': 'router' } },
          spec: podSpecOf(router, image),
        },
      },
    },
  );
}

function podSpecOf(router: QwenRouter, image: string): IPodSpec {
  const { name } = router.metadata;
  return {
    serviceAccountName: name,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: secondsSum(
      preStopSeconds,
      secondsOf(router.spec.drain.gracePeriod, 0),
      killMarginSeconds,
    ),
    containers: [containerOf(router, image)],
    volumes: [{ name: 'tmp', emptyDir: {} }],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: routerSelector(name) },
      },
    ],
  };
}

function containerOf(router: QwenRouter, image: string): IContainer {
  const { name } = router.metadata;
  return {
    name: 'router',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', 'router/main.ts'],
    args: ['--discovery', 'kube', '--config-secret', configSecretName(name), '--namespace', namespaceOf(router)],
    ports: [{ name: 'http', containerPort: listenPort, protocol: 'TCP' }],
    resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    securityContext: containerSecurity,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    // Without its Secret a router listens already and is not ready, so only the start itself has to be waited for.
    startupProbe: { ...probe('/health/live', 1), failureThreshold: 60 },
    readinessProbe: { ...probe('/health/ready', 2), failureThreshold: 2 },
    livenessProbe: { ...probe('/health/live', 10), failureThreshold: 6 },
    lifecycle: { preStop: { sleep: { seconds: preStopSeconds } } },
  };
}

const probe = (path: string, periodSeconds: number): IProbe => ({
  httpGet: { path, port: 'http' },
  periodSeconds,
  timeoutSeconds: 2,
});
