import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import type { KubeObject } from '../object.ts';

type WithTemplates = {
  spec?: {
    selector?: { matchLabels?: Record<string, string> };
    template?: IPodTemplateSpec;
    leaderWorkerTemplate?: { leaderTemplate: IPodTemplateSpec; workerTemplate: IPodTemplateSpec };
  };
};

/** What no schema says and an API server checks all the same: references inside a pod, and names that must differ. */
export function podProblems(object: KubeObject): string[] {
  // A look at fields that only some kinds have.
  const { spec } = object as KubeObject<WithTemplates>;
  const group = spec?.leaderWorkerTemplate;
  const templates = group ? [group.leaderTemplate, group.workerTemplate] : spec?.template ? [spec.template] : [];
  return templates.flatMap((template) => [
    ...selectorProblems(spec?.selector?.matchLabels ?? {}, template.metadata?.labels ?? {}),
    ...templateProblems(template),
  ]);
}

const selectorProblems = (wanted: Record<string, string>, labels: Record<string, string>): string[] =>
  Object.entries(wanted).flatMap(([key, value]) =>
    labels[key] === value ? [] : [`the selector wants ${key}: ${value}, and the pods have ${labels[key]}`],
  );

function templateProblems({ spec }: IPodTemplateSpec): string[] {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const volumes = new Set((spec?.volumes ?? []).map(({ name }) => name));
  const claims = new Set((spec?.resourceClaims ?? []).map(({ name }) => name));
  return [
    ...repeated('container', containers, ({ name }) => name),
    ...repeated('volume', spec?.volumes ?? [], ({ name }) => name),
    ...containers.flatMap((container) => [
      ...(container.volumeMounts ?? []).flatMap(({ name }) => (volumes.has(name) ? [] : [`no volume ${name}`])),
      ...(container.resources?.claims ?? []).flatMap(({ name }) => (claims.has(name) ? [] : [`no claim ${name}`])),
      ...containerProblems(container),
    ]),
  ];
}

function containerProblems(container: IContainer): string[] {
  const { env = [], volumeMounts = [], ports = [], lifecycle, securityContext } = container;
  const named = new Set(ports.map(({ name }) => name));
  const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe];
  return [
    ...repeated('variable', env, ({ name }) => name),
    ...repeated('mount', volumeMounts, ({ mountPath }) => mountPath),
    ...repeated('port', ports, ({ containerPort }) => String(containerPort)),
    ...probes.flatMap((probe) => {
      const port = probe?.httpGet?.port;
      return typeof port === 'string' && !named.has(port) ? [`no port ${port}`] : [];
    }),
    ...((lifecycle?.preStop?.sleep?.seconds ?? 1) < 1 ? ['it sleeps for no time'] : []),
    ...limitProblems(container),
    ...(securityContext?.readOnlyRootFilesystem === false ? ['its root can be written'] : []),
  ];
}

/** Devices must be limited to what is requested. */
function limitProblems({ resources }: IContainer): string[] {
  const { requests = {}, limits = {} } = resources ?? {};
  return Object.keys({ ...requests, ...limits })
    .filter((name) => name.includes('/'))
    .flatMap((name) => (requests[name] === limits[name] ? [] : [`${name} is requested and limited differently`]));
}

function repeated<T>(what: string, list: readonly T[], key: (item: T) => string): string[] {
  const keys = list.map(key);
  return keys.filter((each, at) => keys.indexOf(each) !== at).map((each) => `two of ${what} ${each}`);
}
