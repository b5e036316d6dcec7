import { parseArgs } from 'node:util';
import { FleetError } from '@qwenfleet/core/errors';

export type RouterArguments = {
  discovery: string;
  file: string | undefined;
  secret: string | undefined;
  namespace: string | undefined;
};

export const usageOf = (names: readonly string[]): string => `Usage: node router/main.ts --config FILE
       node router/main.ts --discovery NAME

  --config FILE      pools and their servers, YAML or JSON; read again when it changes and on SIGHUP
  --config-secret NAME, --namespace NAME
                     in a cluster: the Secret with the configuration, and where it is
  --discovery NAME   where the configuration comes from: ${names.join(', ')}
                     (static with --config, otherwise local: the process that started this one)`;

/** Reads the command line. Throws `invalid_config` in words. */
export function readArguments(args: readonly string[]): RouterArguments {
  const options = {
    config: { type: 'string' },
    'config-secret': { type: 'string' },
    namespace: { type: 'string' },
    discovery: { type: 'string' },
  } as const;
  try {
    const { config, discovery, namespace, 'config-secret': secret } = parseArgs({ args: [...args], options }).values;
    return { discovery: discovery ?? (config === undefined ? 'local' : 'static'), file: config, secret, namespace };
  } catch (cause) {
    throw new FleetError('invalid_config', cause instanceof Error ? cause.message : String(cause));
  }
}
