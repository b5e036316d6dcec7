import { realpathSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';

/**
 * Throws `invalid_model` when a file of a model's folder is a link that leads out of it: what else this process may read is
 * none of the model's business. The hub's cache has links from `snapshots/COMMIT` to `blobs` beside it, and may.
 * A file that is not there passes: who opens it says so.
 */
export function assertInside(folder: string, files: readonly string[]): void {
  const root = rootOf(folder);
  const stray = files.find((file) => {
    const real = realOf(file);
    return real !== undefined && !real.startsWith(root + path.sep);
  });
  if (stray === undefined) return;
  throw new FleetError(
    'invalid_model',
    `${path.basename(stray)} is a link that leads out of the model's folder. Put the file itself there.`,
  );
}

function rootOf(folder: string): string {
  const real = realpathSync(folder);
  const above = path.dirname(real);
  return path.basename(above) === 'snapshots' ? path.dirname(above) : real;
}

function realOf(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
