import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import type { Capabilities, Integrations } from '../capabilities.ts';

/** A router with everything decided that its objects are built from. */
export type RouterInput = {
  router: QwenRouter;
  /** Undefined while no pool is selected: routers then wait for their Secret. */
  config: RouterConfig | undefined;
  /** Ports of external servers, which routers must be able to reach. */
  externalPorts: readonly number[];
  image: string;
  capabilities: Capabilities;
  integrations: Integrations;
};

/** Where a router listens in its pod, whatever the port of its Service: changing that restarts no router. */
export const listenPort = 8080;
export const configKey = 'config.json';
export const configSecretName = (router: string): string => `${router}-config`;
