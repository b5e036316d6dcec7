import { homedir } from 'node:os';
import path from 'node:path';
import { parseConfig } from '@qwenfleet/core/config';
import { z } from 'zod';

const optionalText = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text.trim() === '' ? undefined : text.trim()));

const environmentSchema = z.object({
  QWENFLEET_URL: optionalText.pipe(
    z.url({ protocol: /^https?$/, error: 'must be an http(s) address such as http://127.0.0.1:8080' }).optional(),
  ),
  QWENFLEET_API_KEY: optionalText,
  QWENFLEET_CACHE: optionalText,
  QWENFLEET_STATE: optionalText,
  QWENFLEET_LOG: optionalText.pipe(z.enum(['trace', 'debug', 'info', 'warn', 'error']).optional()),
  XDG_CACHE_HOME: optionalText,
  XDG_STATE_HOME: optionalText,
});

export type CliConfig = {
  /** The endpoint that was asked for; undefined leaves the choice to what runs on this machine. */
  url: string | undefined;
  apiKey: string | undefined;
  /** Weights, graphs and other files that can be had again. */
  cacheDir: string;
  /** Least level of the operator's own log on standard error; undefined keeps it silent. */
  logLevel: string | undefined;
  /** One file for each fleet that runs on this machine. */
  stateDir: string;
};

/** Reads the environment. Throws `invalid_config` naming the variable. */
export function readCliConfig(environment: NodeJS.ProcessEnv = process.env, home = homedir()): CliConfig {
  const given = parseConfig(environmentSchema, environment, 'The environment');
  const folder = (own: string | undefined, base: string | undefined, fallback: string): string =>
    path.resolve(own ?? path.join(base ?? path.join(home, fallback), 'qwenfleet'));
  return {
    url: given.QWENFLEET_URL?.replace(/\/+$/, ''),
    apiKey: given.QWENFLEET_API_KEY,
    logLevel: given.QWENFLEET_LOG,
    cacheDir: folder(given.QWENFLEET_CACHE, given.XDG_CACHE_HOME, '.cache'),
    stateDir: folder(given.QWENFLEET_STATE, given.XDG_STATE_HOME, '.local/state'),
  };
}
