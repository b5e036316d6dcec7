import type { Tier } from '@qwenfleet/core/fleet/tier';

export type Labels = Readonly<Record<string, string>>;

export const deploymentLabel = 'qwenfleet.io/deployment';
export const revisionLabel = 'qwenfleet.io/revision';
export const tierLabel = 'qwenfleet.io/tier';
/** A label of a pod as Prometheus writes it on the series of that pod. */
export const seriesLabel = (label: string): string => label.replaceAll(/[^A-Za-z0-9_]/g, '_');
/** `server`, or `worker` for pods that compute for a server on another node. */
export const roleLabel = 'qwenfleet.io/role';
export const routerLabel = 'qwenfleet.io/router';

/** On a QwenDeployment, with a revision as its value: brings it in without further steps, or takes it back. */
export const promoteAnnotation = 'qwenfleet.io/promote';
export const abortAnnotation = 'qwenfleet.io/abort';

/** Selects everything that the operator makes. */
export const managedLabels: Labels = {
  'app.kubernetes.io/managed-by': 'qwenfleet',
  'app.kubernetes.io/part-of': 'qwenfleet',
};

/** Pods of the operator itself, as the chart labels them. */
export const operatorLabels: Labels = {
  'app.kubernetes.io/part-of': 'qwenfleet',
  'app.kubernetes.io/component': 'operator',
};

/** What every pod of a pool has, whatever its revision: its Service, its budget and `/scale` select by it. */
export const poolSelector = (name: string): Labels => ({ [deploymentLabel]: name });

/** What the pods of one revision have. A Deployment's selector can never change, so nothing else is in it. */
export const revisionSelector = (name: string, revision: string): Labels => ({
  ...poolSelector(name),
  [revisionLabel]: revision,
});

/** Pods that answer requests: where a replica spans nodes, only the first pod of it does. */
export const servingSelector = (name: string): Labels => ({ ...poolSelector(name), [roleLabel]: 'server' });

export const routerSelector = (name: string): Labels => ({ [routerLabel]: name });

/** Versions are left out on purpose: labels of pods that follow the operator's version would replace every pod. */
export const poolLabels = (name: string, tier: Tier): Labels => ({
  ...managedLabels,
  'app.kubernetes.io/name': 'qwenfleet-runtime',
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/component': 'pool',
  ...poolSelector(name),
  [tierLabel]: tier,
});

export const routerLabels = (name: string): Labels => ({
  ...managedLabels,
  'app.kubernetes.io/name': 'qwenfleet-router',
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/component': 'router',
  ...routerSelector(name),
});

/** `a=b,c=d`: a selector as `/scale` and `kubectl get -l` write it. */
export const selectorText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

const prefix = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const word = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** `nvidia.com/gpu.product`: a name of at most 63 characters, perhaps after the DNS name of whose it is. */
export function isLabelKey(key: string): boolean {
  const parts = key.split('/');
  const [first = '', second] = parts;
  if (second === undefined) return word.test(first);
  return parts.length === 2 && first.length <= 253 && prefix.test(first) && word.test(second);
}

export const isLabelValue = (value: string): boolean => value === '' || word.test(value);

/** A DNS subdomain, which names of most objects are. */
export const isObjectName = (name: string): boolean => name.length <= 253 && prefix.test(name);
