import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseConfig } from '@qwenfleet/core/config';
import { FleetError } from '@qwenfleet/core/errors';
import {
  modelFileName,
  modelReferenceSchema,
  runtimeConfigSchema,
  type RuntimeConfig,
} from '@qwenfleet/core/fleet/runtime-config';

/**
 * A runtime's configuration, with the weights of the file `model.json` beside it where there is one: whoever exchanges
 * the weights of running processes writes it, so that one that starts later begins with what the others answer with.
 * Throws `invalid_config`, which names the file and the field.
 */
export function readConfigFile(file: string): RuntimeConfig {
  const config = parseConfig(runtimeConfigSchema, readJson(file), file);
  const modelFile = path.join(path.dirname(file), modelFileName);
  if (!existsSync(modelFile)) return config;
  return { ...config, model: parseConfig(modelReferenceSchema, readJson(modelFile), modelFile) };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new FleetError('invalid_config', `${file} cannot be read as JSON.`, { cause });
  }
}
