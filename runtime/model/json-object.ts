import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';

/**
 * The JSON object that a file holds.
 * @param of whose file it is, as people are told to pull it again: `model`, `adapter`.
 * Throws `invalid_model`, which names the file.
 */
export function parseJsonObject(text: string, file: string, of: 'model' | 'adapter'): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (cause) {
    throw new FleetError('invalid_model', `${file} is not valid JSON. Pull the ${of} again.`, { cause });
  }
  throw new FleetError('invalid_model', `${file} is not a JSON object. Pull the ${of} again.`);
}
