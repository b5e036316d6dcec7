import type { IVolume } from 'kubernetes-models/v1/Volume';
import { modelDir } from './paths.ts';
import { noWeights, type Weights, type WeightsInput } from './weights.ts';

/** Weights on a volume: nothing is pulled, and nothing can be written. */
export function mountedWeights(
  { reading }: Pick<WeightsInput, 'reading'>,
  volume: Omit<IVolume, 'name'>,
  inside: { path: string; subPath?: string },
): Weights {
  const path = inside.path === '' ? modelDir : `${modelDir}/${inside.path}`;
  const subPath = inside.subPath === undefined ? {} : { subPath: inside.subPath };
  return {
    ...noWeights,
    // The runtime decodes what it is told, so that a percent sign in a name stays one.
    location: reading === 'uri' ? `file://${encodeURI(path.toWellFormed())}` : path,
    volumes: [{ name: 'model', ...volume }],
    mounts: [{ name: 'model', mountPath: modelDir, readOnly: true, ...subPath }],
  };
}

/** No empty parts, and no way out of the folder. */
export const isInnerPath = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
