import { homedir } from 'node:os';
import path from 'node:path';
import { parseConfig } from '@qwenfleet/core/config';
import { z } from 'zod';
import type { SourceConfig } from './source/source.ts';

const text = z
  .string()
  .optional()
  .transform((value) => (value === undefined || value.trim() === '' ? undefined : value.trim()));

/** The hub's own variables, as its Python client reads them. */
const environmentSchema = z.object({
  HF_ENDPOINT: text.pipe(z.url({ protocol: /^https?$/, error: 'must be an http(s) address' }).optional()),
  HF_TOKEN: text,
  HF_HOME: text,
  HF_HUB_CACHE: text,
  XDG_CACHE_HOME: text,
});

/** Where the last words of a process that fails go, as Kubernetes shows them in a pod's status; undefined means nowhere. */
export function terminationLog(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return text.parse(environment['QWENFLEET_TERMINATION_LOG']);
}

/** Where weights come from and go to. Throws `invalid_config` naming the variable. */
export function readSourceConfig(
  cacheDir: string,
  environment: NodeJS.ProcessEnv = process.env,
  home = homedir(),
): SourceConfig {
  const given = parseConfig(environmentSchema, environment, 'The environment');
  const hubHome = given.HF_HOME ?? path.join(given.XDG_CACHE_HOME ?? path.join(home, '.cache'), 'huggingface');
  return {
    cacheDir,
    hub: {
      endpoint: (given.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, ''),
      token: given.HF_TOKEN,
      cacheDir: given.HF_HUB_CACHE ?? path.join(hubHome, 'hub'),
    },
  };
}
