import { isObjectName } from '../../labels.ts';
import { isInnerPath, mountedWeights } from '../mounted.ts';
import { unresolved, type WeightsSource } from '../weights.ts';

/** `pvc://claim/path`: a folder or file on a claim of the pool's namespace. */
export const claimWeights: WeightsSource = {
  scheme: 'pvc',
  refusal: (rest) => {
    const { claimName, path } = partsOf(rest);
    if (isObjectName(claimName) && (path === '' || isInnerPath(path))) return undefined;
    return unresolved('InvalidAddress', `pvc://${rest} is not pvc://CLAIM or pvc://CLAIM/PATH`);
  },
  weights: (rest, input) => {
    const { claimName, path } = partsOf(rest);
    return mountedWeights(input, { persistentVolumeClaim: { claimName, readOnly: true } }, { path });
  },
};

function partsOf(rest: string): { claimName: string; path: string } {
  const [claimName = '', ...inside] = rest.replace(/\/+$/, '').split('/');
  return { claimName, path: inside.join('/') };
}
