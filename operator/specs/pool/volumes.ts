import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import type { IVolume } from 'kubernetes-models/v1/Volume';
import type { IVolumeMount } from 'kubernetes-models/v1/VolumeMount';
import { configFolder, configFileName } from '../engine/qwen/config.ts';
import { cacheMount, cacheVolume } from '../weights/cache.ts';
import { modelConfigMapName } from './model-config-map.ts';
import type { Pool } from './pool.ts';

/** Devices that share a model talk through /dev/shm, and a container has 64 MB of it where nobody asks for more. */
const sharedMemoryDefault = '4Gi';

/** The root of every container is read-only: these are the places where something may be written, or is told. */
export function volumesOf(pool: Pool): IVolume[] {
  const { deployment, name, revision, engine, weights } = pool;
  const sharedMemory = sharedMemoryOf(pool);
  return [
    cacheVolume(deployment.spec.cache),
    { name: 'tmp', emptyDir: {} },
    ...(engine.configured ? [configVolume(name, revision)] : []),
    ...(sharedMemory === undefined ? [] : [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: sharedMemory } }]),
    ...weights.volumes,
  ];
}

/** What the runtime is told, and which weights it begins with once others have come into running engines. */
function configVolume(name: string, revision: string): IVolume {
  const config = { name: revisionName(name, revision), items: [{ key: configFileName, path: configFileName }] };
  const model = { name: modelConfigMapName(name, revision), optional: true };
  return { name: 'config', projected: { sources: [{ configMap: config }, { configMap: model }] } };
}

export function mountsOf(pool: Pool): IVolumeMount[] {
  const { engine, weights } = pool;
  return [
    cacheMount,
    { name: 'tmp', mountPath: '/tmp' },
    ...(engine.configured ? [{ name: 'config', mountPath: configFolder, readOnly: true }] : []),
    ...(sharedMemoryOf(pool) === undefined ? [] : [{ name: 'shm', mountPath: '/dev/shm' }]),
    ...weights.mounts,
  ];
}

const sharedMemoryOf = ({ hardwareClass, parallelism }: Pool): string | undefined =>
  hardwareClass?.spec.sharedMemory ?? (parallelism.tensor * parallelism.pipeline > 1 ? sharedMemoryDefault : undefined);
