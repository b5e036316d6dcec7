import { createHash } from 'node:crypto';
import { durationMs } from '@qwenfleet/core/duration';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Resolved } from '../reconcile/qwendeployment/plan/resolve.ts';
import type { Engine, EngineContainer } from './engine/engine.ts';
import { poolLabels, revisionLabel } from './labels.ts';
import { containerSecurity, podSecurity } from './security.ts';
import { strategicMerge } from './strategic-merge.ts';
import type { Weights } from './weights.ts';

export type PodTemplate = {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown> & { containers: Record<string, unknown>[] };
};

export type PodInput = {
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  resolved: Resolved;
  engine: Engine;
  container: EngineContainer;
  weights: Weights;
};

const startupPeriodSeconds = 5;
/** Between the end of the engine's own grace time and the kubelet's SIGKILL. */
export const killMarginMs = 5_000;
const kueueLabel = 'kueue.x-k8s.io/queue-name';

/** The pods of a pool, before they know their revision and their configuration's name. Pure. */
export function podTemplateOf(input: PodInput): PodTemplate {
  const { deployment, resolved } = input;
  const { scheduling, podTemplate } = deployment.spec;
  const template = {
    metadata: {
      labels: {
        ...poolLabels(resolved.name, resolved.tier),
        ...(scheduling?.queueName === undefined ? {} : { [kueueLabel]: scheduling.queueName }),
      },
    },
    spec: podSpecOf(input),
  };
  // The patch is a pod template by the CRD's description; the API server checks the result.
  return strategicMerge(template, podTemplate) as PodTemplate;
}

function podSpecOf(input: PodInput): PodTemplate['spec'] {
  const { deployment, hardwareClass, resolved, weights, engine } = input;
  const { spec } = deployment;
  const byClass = hardwareClass?.spec;
  return {
    serviceAccountName: resolved.name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: Math.ceil(durationMs(spec.drain.gracePeriod) / 1000),
    containers: [engineContainer(input)],
    volumes: [
      ...weights.volumes,
      { name: 'tmp', emptyDir: {} },
      ...(engine.configured ? [{ name: 'config', configMap: { name: 'config' } }] : []),
      ...(byClass?.sharedMemory === undefined
        ? []
        : [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: byClass.sharedMemory } }]),
    ],
    topologySpreadConstraints: spec.scheduling?.topologySpread ?? [spreadOverNodes(resolved)],
    ...placement(spec, hardwareClass),
  };
}

/** Where the pods may run: the hardware class says what they need, the pool adds to it. */
function placement({ scheduling }: QwenDeployment['spec'], hardwareClass: HardwareClass | undefined): object {
  const byClass = hardwareClass?.spec;
  return filled({
    nodeSelector: { ...byClass?.nodeSelector, ...scheduling?.nodeSelector },
    tolerations: [...(byClass?.tolerations ?? []), ...(scheduling?.tolerations ?? [])],
    runtimeClassName: byClass?.runtimeClassName,
    priorityClassName: scheduling?.priorityClassName,
  });
}

function engineContainer({ deployment, hardwareClass, engine, container, weights }: PodInput): Record<string, unknown> {
  const { spec } = deployment;
  const deadlineMs = durationMs(spec.rollout.progressDeadline);
  return {
    name: 'engine',
    image: container.image,
    imagePullPolicy: 'IfNotPresent',
    ...(container.command ? { command: container.command } : {}),
    args: container.args,
    env: container.env,
    ports: [{ name: 'http', containerPort: engine.port, protocol: 'TCP' }],
    resources: resourcesOf(spec, hardwareClass),
    securityContext: containerSecurity,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      ...weights.mounts,
      { name: 'tmp', mountPath: '/tmp' },
      ...(engine.configured ? [{ name: 'config', mountPath: '/etc/qwenfleet', readOnly: true }] : []),
      ...(hardwareClass?.spec.sharedMemory === undefined ? [] : [{ name: 'shm', mountPath: '/dev/shm' }]),
    ],
    // Loading takes as long as a rollout may take; after that the other two probes count.
    startupProbe: {
      ...probe(container.readyPath, startupPeriodSeconds),
      failureThreshold: Math.max(1, Math.ceil(deadlineMs / 1000 / startupPeriodSeconds)),
    },
    readinessProbe: { ...probe(container.readyPath, 2), failureThreshold: 3 },
    livenessProbe: { ...probe(container.livePath, 10), failureThreshold: 6 },
    lifecycle: { preStop: { sleep: { seconds: Math.ceil(durationMs(spec.drain.preStop) / 1000) } } },
  };
}

const probe = (path: string, periodSeconds: number): Record<string, unknown> => ({
  httpGet: { path, port: 'http' },
  periodSeconds,
  timeoutSeconds: 5,
});

/** The class's figures are for one device. Devices are requested and limited alike, as device plugins want it. */
function resourcesOf(spec: QwenDeployment['spec'], hardwareClass: HardwareClass | undefined): Record<string, unknown> {
  const count = spec.hardware?.count ?? 1;
  const { accelerator, resources } = hardwareClass?.spec ?? {};
  const times = (quantity: string | undefined): string | undefined => quantity && multiplied(quantity, count);
  const memory = times(resources?.memory);
  const device = accelerator?.resourceName === undefined ? {} : { [accelerator.resourceName]: String(count) };
  const own = filled({ cpu: times(resources?.cpu), memory, 'ephemeral-storage': times(resources?.ephemeralStorage) });
  return { requests: { ...own, ...device }, limits: { ...filled({ memory }), ...device } };
}

/** Without what nobody asked for: absent and empty values. */
function filled(of: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(of).filter(([, value]) => !isEmpty(value)));
}

/** `4Gi` times 2 is `8Gi`; the unit stays. */
export function multiplied(quantity: string, by: number): string {
  const [, amount = '0', unit = ''] = /^([0-9.]+)(.*)$/.exec(quantity) ?? [];
  return `${Number((Number(amount) * by).toPrecision(12))}${unit}`;
}

const spreadOverNodes = ({ name }: Resolved): Record<string, unknown> => ({
  maxSkew: 1,
  topologyKey: 'kubernetes.io/hostname',
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: { matchLabels: { 'qwenfleet.io/pool': name } },
});

/**
 * Ten digits that change when pods must be replaced, and only then. What the operator chooses by itself is left out (the
 * default image), so that an upgrade of the operator replaces no pod.
 */
export function revisionOfTemplate(
  template: PodTemplate,
  config: object | undefined,
  images: { default: string },
): string {
  const visible = JSON.stringify({ template, config }, (key, value: unknown) =>
    key === 'image' && value === images.default ? 'default' : value,
  );
  return createHash('sha256').update(visible).digest('hex').slice(0, 10);
}

/** The template of one revision: its label, and its configuration by name. */
export function templateOfRevision(
  template: PodTemplate,
  revision: string,
  names: { config: string; image: string | undefined },
): PodTemplate {
  const { containers, volumes } = template.spec;
  return {
    metadata: { ...template.metadata, labels: { ...template.metadata.labels, [revisionLabel]: revision } },
    spec: {
      ...template.spec,
      containers: containers.map((container) =>
        container['name'] === 'engine' && names.image !== undefined ? { ...container, image: names.image } : container,
      ),
      volumes: (volumes as Record<string, unknown>[]).map((volume) =>
        volume['name'] === 'config' ? { name: 'config', configMap: { name: names.config } } : volume,
      ),
    },
  };
}
