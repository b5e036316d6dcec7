import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IVolume } from 'kubernetes-models/v1/Volume';
import type { IVolumeMount } from 'kubernetes-models/v1/VolumeMount';
import type { Blocked, Gap } from '../../reconcile/substrate.ts';
import { cacheDir } from './paths.ts';

type Cache = QwenDeployment['spec']['cache'];

/** Where pulled weights are kept: a claim that pods share, or a folder that ends with its pod. */
export function cacheVolume({ mode, pvcRef, sizeLimit }: Cache): IVolume {
  if (mode !== 'None' && pvcRef) return { name: 'cache', persistentVolumeClaim: { claimName: pvcRef.name } };
  return { name: 'cache', emptyDir: sizeLimit === undefined ? {} : { sizeLimit } };
}

export const cacheMount: IVolumeMount = { name: 'cache', mountPath: cacheDir };

export function cacheRefusal({ mode, pvcRef }: Cache): Blocked | undefined {
  if (mode !== 'Shared' || pvcRef) return undefined;
  const message = 'cache.mode Shared needs cache.pvcRef: name a PersistentVolumeClaim that every node can mount';
  return { condition: 'ModelCached', reason: 'NoClaim', message };
}

/** A folder of the node would need hostPath, which Pod Security refuses to everything but the most trusted pods. */
export const cacheGaps: readonly Gap<QwenDeployment['spec']>[] = [
  {
    path: 'spec.cache.mode',
    reason:
      'restricted pods may not use a folder of their node, so each pod pulls for itself; Shared with a claim, or Node with cache.pvcRef on local volumes, keeps weights',
    applies: ({ cache }) => cache.mode === 'Node' && cache.pvcRef === undefined,
  },
  {
    path: 'spec.cache.sizeLimit',
    reason: 'a claim has its own size; the limit holds for pods that keep weights in themselves',
    applies: ({ cache }) => cache.sizeLimit !== undefined && cache.mode !== 'None' && cache.pvcRef !== undefined,
  },
];
