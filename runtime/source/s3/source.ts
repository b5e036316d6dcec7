import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { download } from '../download.ts';
import { isInside } from '../inside.ts';
import { withLock } from '../lock.ts';
import type { PullOptions, S3Config, Source } from '../source.ts';
import { writeAside } from '../write-aside.ts';
import { Bucket } from './bucket.ts';
import type { S3Object } from './listing.ts';

const address = /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.+?)\/*$/;

/** Objects below a prefix, or one object, and where they go. */
type Contents = { objects: S3Object[]; prefix: string; isOne: boolean };

/**
 * `s3://bucket/folder`, or one object: `s3://bucket/folder/model.gguf`. What was in the bucket at one moment has a folder
 * of its own, so that weights that are replaced while somebody reads them are never mixed.
 */
export const s3Source: Source = {
  scheme: 's3',
  async pull(rest, options) {
    const [, name, key] = address.exec(rest) ?? [];
    if (name === undefined || key === undefined) {
      throw new FleetError('invalid_config', `model.uri: s3://${rest} is not s3://BUCKET/FOLDER or s3://BUCKET/FILE.`, {
        param: 'model.uri',
      });
    }
    const { s3 = anonymous } = options;
    const bucket = new Bucket(name, s3);
    const home = path.join(options.cacheDir, 's3', digestOf(s3.endpoint ?? '', rest));
    const contents = await contentsOf(bucket, name, key, options).catch((error: unknown) => ({ error }));
    if ('error' in contents) return lastPulled(home, contents.error);
    const folder = path.join(
      home,
      digestOf(...contents.objects.map((each) => `${each.key} ${each.bytes} ${each.etag}`)),
    );
    await withLock(`${home}.lock`, options.signal, () => fetchAll(bucket, contents, folder, options));
    const location = path.join(folder, weightsOf(contents, key));
    // What `lastPulled` reads.
    writeAside(path.join(home, 'latest'), location);
    return location;
  },
};

const anonymous: S3Config = { endpoint: undefined, region: 'us-east-1', credentials: undefined };

/** A folder, but for the one file of it that is a whole model. */
function weightsOf({ objects, isOne }: Contents, key: string): string {
  if (isOne) return path.posix.basename(key);
  const names = objects.map((each) => each.key.slice(key.length + 1));
  const ggufs = names.filter((name) => name.endsWith('.gguf'));
  const [gguf] = ggufs;
  const alone = ggufs.length === 1 && !names.some((name) => name.endsWith('.safetensors'));
  return alone && gguf !== undefined ? gguf : '.';
}

const digestOf = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);

async function contentsOf(bucket: Bucket, name: string, key: string, { signal }: PullOptions): Promise<Contents> {
  const listed = await bucket.list(key, signal);
  const one = listed.find((each) => each.key === key);
  if (one) return { objects: [one], prefix: path.posix.dirname(key), isOne: true };
  const objects = listed.filter((each) => each.key.startsWith(`${key}/`) && isInside(each.key.slice(key.length + 1)));
  if (objects.length > 0) return { objects, prefix: key, isOne: false };
  throw new FleetError('source_not_found', `model.uri: there is nothing at s3://${name}/${key}. Check the address.`, {
    param: 'model.uri',
  });
}

async function fetchAll(
  bucket: Bucket,
  { objects, prefix }: Contents,
  folder: string,
  { signal, onProgress }: PullOptions,
): Promise<void> {
  for (const { key, bytes } of objects) {
    const name = prefix === '.' ? key : key.slice(prefix.length + 1);
    await download({
      ...bucket.request(key),
      target: path.join(folder, name),
      signal,
      verify: async (file) => checkSize(file, name, bytes),
      onProgress: (doneBytes, totalBytes) => onProgress?.({ name, doneBytes, totalBytes: totalBytes ?? bytes }),
    });
  }
}

function checkSize(file: string, name: string, wanted: number): void {
  const { size } = statSync(file);
  if (size === wanted) return;
  throw new FleetError('source_unavailable', `${name} has ${size} bytes, and the bucket says ${wanted}. Try again.`);
}

/** What was pulled last, where nobody answers now. */
function lastPulled(home: string, error: unknown): string {
  const file = path.join(home, 'latest');
  if (error instanceof FleetError && error.code === 'source_unavailable' && existsSync(file)) {
    const location = readFileSync(file, 'utf8');
    if (existsSync(location)) return location;
  }
  throw error;
}
