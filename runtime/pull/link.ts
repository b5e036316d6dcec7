import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a path lead to where the weights are, in one step: whoever reads it meanwhile finds the old ones or the new.
 * Several processes may do so at once, for the cache may be shared.
 */
export function linkTo(target: string, link: string): void {
  mkdirSync(path.dirname(link), { recursive: true });
  const aside = `${link}.${randomUUID()}`;
  symlinkSync(path.resolve(target), aside);
  renameSync(aside, link);
}
