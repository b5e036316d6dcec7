import { readFileSync, statSync } from 'node:fs';
import { FleetError } from '@qwenfleet/core/errors';

/**
 * A text file of a model. Looked at before it is opened: to read a pipe would wait for somebody to write to it.
 * Throws `invalid_model` for what is no plain file, cannot be read, or is larger than `bytesMax`.
 */
export function readBounded(file: string, name: string, bytesMax: number): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile()) throw new FleetError('invalid_model', `${name} is no plain file. Pull the model again.`);
  if (stats.size > bytesMax) throw new FleetError('invalid_model', `${name} is larger than ${bytesMax} bytes.`);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FleetError('invalid_model', `${name} cannot be read.`, { cause });
  }
}
