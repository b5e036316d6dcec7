import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Candidate } from '../../reconcile/substrate.ts';
import { isLabelKey, isLabelValue, isObjectName } from '../labels.ts';

type Spec = QwenDeployment['spec'];
type Toleration = NonNullable<NonNullable<Spec['scheduling']>['tolerations']>[number];
type Variable = NonNullable<Spec['engine']['env']>[number];
type SecretReference = NonNullable<Spec['model']['secretRef']>;

/**
 * The first field that the custom resources take as plain text and that no pod may have, in words; undefined where there
 * is none. The API server would refuse the pod too, but only after the rest of the pool was changed.
 */
export function wrongField({ deployment, hardwareClass, engine }: Candidate): string | undefined {
  const { spec } = deployment;
  const { scheduling } = spec;
  const hardware = hardwareClass?.spec;
  const byClass = hardware?.engines?.find(({ type }) => type === engine);
  const of = `HardwareClass ${hardwareClass?.metadata.name ?? ''}`;
  return firstOf(
    () => wrongLabels('scheduling.nodeSelector', scheduling?.nodeSelector),
    () => wrongLabels(`${of}: nodeSelector`, hardware?.nodeSelector),
    () => wrongTolerations('scheduling.tolerations', scheduling?.tolerations),
    () => wrongTolerations(`${of}: tolerations`, hardware?.tolerations),
    () => wrongEnv('engine.env', spec.engine.env),
    () => wrongEnv(`${of}: engines[].env`, byClass?.env),
    () => wrongImage('engine.image', spec.engine.image),
    () => wrongImage(`${of}: engines[].image`, byClass?.image),
    () => wrongSecret('model.secretRef', spec.model.secretRef),
    () => wrongName('scheduling.priorityClassName', scheduling?.priorityClassName),
    () => wrongQueue(scheduling?.queueName),
    () => wrongName(`${of}: accelerator.deviceClass`, hardware?.accelerator?.deviceClass),
    () => wrongResource(`${of}: accelerator.resourceName`, hardware?.accelerator?.resourceName),
  );
}

function firstOf(...checks: (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const wrong = check();
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongLabels(path: string, labels: Readonly<Record<string, string>> = {}): string | undefined {
  const wrong = Object.entries(labels).find(([key, value]) => !isLabelKey(key) || !isLabelValue(value));
  return wrong && `${path}: "${wrong[0]}: ${wrong[1]}" is not a label`;
}

function wrongTolerations(path: string, tolerations: readonly Toleration[] = []): string | undefined {
  const wrong = tolerations.map(wrongToleration);
  const at = wrong.findIndex((each) => each !== undefined);
  return at === -1 ? undefined : `${path}[${at}]: ${wrong[at]}`;
}

function wrongToleration(toleration: Toleration): string | undefined {
  const { key = '', operator = 'Equal', value = '', effect, tolerationSeconds } = toleration;
  if (key === '' && operator !== 'Exists') return 'without a key, operator must be Exists';
  if (key !== '' && !isLabelKey(key)) return `"${key}" is not the key of a taint`;
  if (operator === 'Exists' && value !== '') return 'operator Exists takes no value';
  if (!isLabelValue(value)) return `"${value}" is not the value of a taint`;
  const isLate = tolerationSeconds !== undefined && effect !== 'NoExecute';
  return isLate ? 'tolerationSeconds needs effect NoExecute' : undefined;
}

function wrongEnv(path: string, variables: readonly Variable[] = []): string | undefined {
  const wrong = variables.find(({ value = '', valueFrom }) => value !== '' && valueFrom !== undefined);
  return wrong && `${path}: ${wrong.name} has both value and valueFrom; remove one`;
}

const wrongImage = (path: string, image: string | undefined): string | undefined =>
  image === undefined || /^\S+$/.test(image) ? undefined : `${path}: "${image}" is not an image`;

function wrongSecret(path: string, reference: SecretReference | undefined): string | undefined {
  if (!reference) return undefined;
  if (!isObjectName(reference.name)) return `${path}.name: "${reference.name}" is not the name of a Secret`;
  const { key } = reference;
  return key === undefined || isEntryName(key) ? undefined : `${path}.key: "${key}" is not an entry of a Secret`;
}

const isEntryName = (key: string): boolean =>
  /^[-._a-zA-Z0-9]{1,253}$/.test(key) && !key.startsWith('..') && key !== '.';

const wrongName = (path: string, name: string | undefined): string | undefined =>
  name === undefined || isObjectName(name) ? undefined : `${path}: "${name}" is not a name`;

/** Its queue is a label of the workload. */
const wrongQueue = (name: string | undefined): string | undefined =>
  name === undefined || (name !== '' && isLabelValue(name))
    ? undefined
    : `scheduling.queueName: "${name}" is not the name of a queue`;

/** What is no resource of Kubernetes itself says whose it is: nvidia.com/gpu. */
const wrongResource = (path: string, name: string | undefined): string | undefined =>
  name === undefined || (name.includes('/') && isLabelKey(name) && !name.startsWith('requests.'))
    ? undefined
    : `${path}: "${name}" is not a resource of a device; write one such as nvidia.com/gpu`;
