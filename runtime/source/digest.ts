import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeAside } from './write-aside.ts';

/** Hex sha256 of a file, read as a stream. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** The same, read once for each state of the file, not at every start: what was found is noted in the cache. */
export async function notedSha256(file: string, cacheDir: string): Promise<string> {
  const note = noteOf(file, cacheDir);
  const known = readNote(note);
  if (known !== undefined) return known;
  const digest = await sha256Of(file);
  writeAside(note, digest);
  return digest;
}

/** Notes what a file has just been found to be, so that nobody reads gigabytes again to name it. */
export const noteSha256 = (file: string, cacheDir: string, digest: string): void =>
  writeAside(noteOf(file, cacheDir), digest);

function noteOf(file: string, cacheDir: string): string {
  const real = realpathSync(file);
  const { size, ino, mtimeMs, ctimeMs } = statSync(real);
  const state = JSON.stringify([real, size, ino, mtimeMs, ctimeMs]);
  return path.join(cacheDir, 'verified', createHash('sha256').update(state).digest('hex'));
}

function readNote(note: string): string | undefined {
  try {
    return /^[0-9a-f]{64}$/.exec(readFileSync(note, 'utf8'))?.[0];
  } catch {
    return undefined;
  }
}

/** Git's name of a file: sha1 over `blob SIZE\0` and the content. The hub uses it for files that are not in LFS. */
export async function gitBlobOf(file: string): Promise<string> {
  const hash = createHash('sha1').update(`blob ${statSync(file).size}\0`);
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
