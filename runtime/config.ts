import { homedir } from 'node:os';
import path from 'node:path';
import { parseConfig } from '@qwenfleet/core/config';
import { z } from 'zod';
import type { S3Config, SourceConfig } from './source/source.ts';

const text = z
  .string()
  .optional()
  .transform((value) => (value === undefined || value.trim() === '' ? undefined : value.trim()));

const address = text.pipe(z.url({ protocol: /^https?$/, error: 'must be an http(s) address' }).optional());

/** The hub's and AWS' own variables, as their clients read them. */
const environmentSchema = z.object({
  HF_ENDPOINT: address,
  HF_TOKEN: text,
  HF_HOME: text,
  HF_HUB_CACHE: text,
  XDG_CACHE_HOME: text,
  AWS_ENDPOINT_URL: address,
  AWS_REGION: text,
  AWS_DEFAULT_REGION: text,
  AWS_ACCESS_KEY_ID: text,
  AWS_SECRET_ACCESS_KEY: text,
  AWS_SESSION_TOKEN: text,
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
    s3: s3ConfigOf(given),
  };
}

function s3ConfigOf(given: z.infer<typeof environmentSchema>): S3Config {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = given;
  const known = accessKeyId !== undefined && secretAccessKey !== undefined;
  return {
    endpoint: given.AWS_ENDPOINT_URL?.replace(/\/+$/, ''),
    region: given.AWS_REGION ?? given.AWS_DEFAULT_REGION ?? 'us-east-1',
    credentials: known ? { accessKeyId, secretAccessKey, sessionToken: given.AWS_SESSION_TOKEN } : undefined,
  };
}
