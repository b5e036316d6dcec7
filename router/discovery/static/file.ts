import { parseConfig } from '@qwenfleet/core/config';
import { FleetError } from '@qwenfleet/core/errors';
import type { PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import {
  poolConfigSchema,
  poolsMax,
  routerConfigSchema,
  routerSettingsSchema,
  uniqueNames,
  type PoolConfig,
  type RouterConfig,
} from '@qwenfleet/core/fleet/router-config';
import { parse } from 'yaml';
import { z } from 'zod';

const endpointsMax = 256;

const endpointSchema = z.union([
  z.url({ protocol: /^https?$/ }),
  z.strictObject({ url: z.url({ protocol: /^https?$/ }), revision: z.string().min(1).max(63).optional() }),
]);

const staticPoolSchema = poolConfigSchema.extend({ endpoints: z.array(endpointSchema).max(endpointsMax) });

/** A router's configuration, and with each pool the addresses of its servers. */
const fileSchema = routerSettingsSchema.extend({
  pools: z.array(staticPoolSchema).min(1).max(poolsMax).refine(uniqueNames, { error: 'two pools have the same name' }),
});

export type StaticFile = { config: RouterConfig; pools: Record<string, PoolEndpoints> };

/** Reads the text of a configuration file, YAML or JSON. Throws `invalid_config` with every field at fault. */
export function readStaticFile(text: string, fileName: string): StaticFile {
  const { pools, ...settings } = parseConfig(fileSchema, yaml(text, fileName), fileName);
  return {
    config: routerConfigSchema.parse({ ...settings, pools: pools.map(withoutEndpoints) }),
    pools: Object.fromEntries(pools.map(({ name, endpoints }) => [name, poolEndpoints(name, endpoints)])),
  };
}

function withoutEndpoints(pool: z.infer<typeof staticPoolSchema>): PoolConfig {
  const { endpoints: _endpoints, ...config } = pool;
  return config;
}

/** A server keeps what is known of it as long as its address stays. */
function poolEndpoints(pool: string, endpoints: readonly z.infer<typeof endpointSchema>[]): PoolEndpoints {
  return {
    endpoints: endpoints.map((given) => {
      const { url, revision } = typeof given === 'string' ? { url: given, revision: undefined } : given;
      return { id: `${pool} ${url}`, url, state: 'ready' as const, ...(revision === undefined ? {} : { revision }) };
    }),
    desired: endpoints.length,
    starting: 0,
    wakeable: false,
    ...(endpoints.length > 0 ? {} : { problem: 'its list of endpoints is empty' }),
  };
}

function yaml(text: string, fileName: string): unknown {
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : 'unknown';
    throw new FleetError('invalid_config', `${fileName} is not valid YAML: ${why}`, { cause });
  }
}
