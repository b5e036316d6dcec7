import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import { cacheDir } from '../../weights/paths.ts';
import { httpPort } from '../engine.ts';

export const configFolder = '/etc/qwenfleet';
export const configFileName = 'runtime.json';
export const configFile = `${configFolder}/${configFileName}`;

/** The runtime's configuration in a pod: the pod's address and folders, and weights where the pod has them. */
export const podRuntimeConfig = (config: RuntimeConfig, uri: string): RuntimeConfig => ({
  ...config,
  model: { ...config.model, uri },
  listen: { host: '0.0.0.0', port: httpPort },
  cacheDir,
});
