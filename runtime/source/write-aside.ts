import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Writes a file so that nobody ever reads half of it, and makes its folder. The name on the way is nobody else's: a
 * cache may be shared by containers, each of whose processes is number 1.
 */
export function writeAside(file: string, content: string | Uint8Array): void {
  const aside = `${file}.${randomUUID()}`;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(aside, content);
  renameSync(aside, file);
}
