import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Hex sha256 of a file, read as a stream. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** The same, read once for each state of the file, not at every start: what was found is noted in the cache. */
export async function notedSha256(file: string, cacheDir: string): Promise<string> {
  const real = realpathSync(file);
  const { size, ino, mtimeMs, ctimeMs } = statSync(real);
  const state = JSON.stringify([real, size, ino, mtimeMs, ctimeMs]);
  const note = path.join(cacheDir, 'verified', createHash('sha256').update(state).digest('hex'));
  const known = readNote(note);
  if (known !== undefined) return known;
  const digest = await sha256Of(real);
  mkdirSync(path.dirname(note), { recursive: true });
  // Written aside and renamed: other processes check the same file at this moment, and must not read half of a note.
  writeFileSync(`${note}.${process.pid}`, digest);
  renameSync(`${note}.${process.pid}`, note);
  return digest;
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
