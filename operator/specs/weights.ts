import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { EnvironmentVariable } from './engine/engine.ts';

/** How weights get into a pod: where the engine finds them, and what the pod has to bring. */
export type Weights = {
  /** What the engine is told: the runtime's `model.uri`, or a hub id or a path for the others. */
  uri: string;
  location: string;
  revision: string | undefined;
  cacheDir: string;
  env: readonly EnvironmentVariable[];
  volumes: readonly Record<string, unknown>[];
  mounts: readonly { name: string; mountPath: string; readOnly?: boolean; subPath?: string }[];
};

export const cacheDir = '/var/cache/qwenfleet';
const modelDir = '/models';

type Spec = QwenDeployment['spec'];
type Part = Pick<Weights, 'uri' | 'location'> & Partial<Pick<Weights, 'volumes' | 'mounts' | 'env' | 'revision'>>;

/** One entry a scheme; what is not here is refused by the plan before it comes to this. */
const schemes: Readonly<Record<string, (rest: string, spec: Spec) => Part>> = {
  hf: (rest, spec) => ({
    uri: `hf://${rest}`,
    location: rest,
    env: token(spec, 'HF_TOKEN'),
    revision: spec.model.revision,
  }),
  https: (rest) => ({ uri: `https://${rest}`, location: `https://${rest}` }),
  wheel: (rest) => ({ uri: `wheel://${rest}`, location: `wheel://${rest}` }),
  s3: (rest) => ({ uri: `s3://${rest}`, location: `s3://${rest}` }),
  pvc: (rest) => {
    const [claimName = '', ...inside] = rest.split('/');
    return mounted({ name: 'model', persistentVolumeClaim: { claimName, readOnly: true } }, inside.join('/'));
  },
  oci: (rest) => mounted({ name: 'model', image: { reference: rest, pullPolicy: 'IfNotPresent' } }, ''),
};

/** Where the weights of a pool come from and where they are kept. Pure. */
export function weightsOf(spec: Spec): Weights {
  const [scheme = '', rest = ''] = (spec.model.uri ?? '').split('://');
  const part = schemes[scheme]?.(rest, spec) ?? { uri: spec.model.uri ?? '', location: spec.model.uri ?? '' };
  return {
    uri: part.uri,
    location: part.location,
    revision: part.revision,
    cacheDir,
    env: part.env ?? [],
    volumes: [cacheVolume(spec), ...(part.volumes ?? [])],
    mounts: [{ name: 'cache', mountPath: cacheDir }, ...(part.mounts ?? [])],
  };
}

function mounted(volume: Record<string, unknown> & { name: string }, inside: string): Part {
  const path = inside === '' ? modelDir : `${modelDir}/${inside}`;
  const mounts = [{ name: volume.name, mountPath: modelDir, readOnly: true }];
  return { uri: `file://${path}`, location: path, volumes: [volume], mounts };
}

/** Shared and Node keep weights beyond a pod; without a claim to keep them on, each pod has its own. */
function cacheVolume({ cache }: Spec): Record<string, unknown> {
  if (cache.mode === 'Shared' && cache.pvcRef) {
    return { name: 'cache', persistentVolumeClaim: { claimName: cache.pvcRef.name } };
  }
  return { name: 'cache', emptyDir: cache.sizeLimit === undefined ? {} : { sizeLimit: cache.sizeLimit } };
}

function token({ model: { secretRef } }: Spec, name: string): EnvironmentVariable[] {
  if (!secretRef) return [];
  const secretKeyRef = { name: secretRef.name, key: secretRef.key ?? 'token' };
  return [{ name, valueFrom: { secretKeyRef } }];
}
