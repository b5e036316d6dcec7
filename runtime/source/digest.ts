import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** Hex sha256 of a file, read as a stream. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** Git's name of a file: sha1 over `blob SIZE\0` and the content. The hub uses it for files that are not in LFS. */
export async function gitBlobOf(file: string): Promise<string> {
  const hash = createHash('sha1').update(`blob ${statSync(file).size}\0`);
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
