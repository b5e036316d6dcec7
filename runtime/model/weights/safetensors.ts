import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { FleetError } from '@qwenfleet/core/errors';
import { safetensorsTypes } from './block-type.ts';
import { Weights, checkRange, openFile, readExactly, tensorBytes, type TensorEntry } from './weights.ts';

const headerBytesMax = 64 * 1024 * 1024;
const shardsMax = 1_000;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()).max(8),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names, of a folder.
 * Throws `invalid_model` for truncated, overlong or overlapping files, `unsupported_model` for types that we do not read.
 */
export function openSafetensors(folder: string): Weights {
  const files: number[] = [];
  const tensors = shardsOf(folder).flatMap((shard) => {
    const { file, bytes } = openFile(path.join(folder, shard));
    files.push(file);
    return readShard(file, bytes, shard);
  });
  return new Weights(files, tensors);
}

/** File names of the shards; names that would leave the folder are refused. */
export function shardsOf(folder: string): string[] {
  const indexFile = path.join(folder, 'model.safetensors.index.json');
  if (!existsSync(indexFile)) return ['model.safetensors'];
  const index = indexSchema.safeParse(JSON.parse(readFileSync(indexFile, 'utf8')));
  if (!index.success) throw new FleetError('invalid_model', 'model.safetensors.index.json has no weight_map.');
  const shards = [...new Set(Object.values(index.data.weight_map))].toSorted();
  const stray = shards.find((shard) => shard !== path.basename(shard) || shard.startsWith('.'));
  if (stray !== undefined || shards.length > shardsMax) {
    throw new FleetError(
      'invalid_model',
      `model.safetensors.index.json names ${JSON.stringify(stray ?? shards.length)}, which is not a file of the model's folder.`,
    );
  }
  return shards;
}

function readShard(file: number, fileBytes: number, shard: string): TensorEntry[] {
  const prefix = Buffer.alloc(8);
  if (fileBytes < 8) throw new FleetError('invalid_model', `${shard} is truncated. Pull it again.`);
  readExactly(file, prefix, 0);
  const length = prefix.readBigUInt64LE();
  if (length > BigInt(Math.min(headerBytesMax, fileBytes - 8))) {
    throw new FleetError(
      'invalid_model',
      `${shard} announces a header of ${length} bytes in a file of ${fileBytes}: it is truncated or no safetensors.`,
    );
  }
  const header = Buffer.alloc(Number(length));
  readExactly(file, header, 8);
  const dataStart = 8 + header.length;
  return entriesOf(header, shard)
    .filter(([, value]) => !isIndex(value))
    .map(([name, value]) => tensorOf(name, value, { file, fileBytes, dataStart }));
}

/** Old BERT checkpoints keep their position numbers as a tensor of integers: no weight, and nothing reads it. */
const isIndex = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'dtype' in value && value.dtype === 'I64';

function entriesOf(header: Buffer, shard: string): [string, unknown][] {
  try {
    const parsed: unknown = JSON.parse(header.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null)
      return Object.entries(parsed).filter(([name]) => name !== '__metadata__');
  } catch (cause) {
    throw new FleetError('invalid_model', `The header of ${shard} is not JSON: the file is damaged.`, { cause });
  }
  throw new FleetError('invalid_model', `The header of ${shard} is not an object: the file is damaged.`);
}

function tensorOf(
  name: string,
  value: unknown,
  at: { file: number; fileBytes: number; dataStart: number },
): TensorEntry {
  const entry = entrySchema.safeParse(value);
  if (!entry.success) throw new FleetError('invalid_model', `The header's entry of tensor "${name}" is damaged.`);
  const { dtype, shape, data_offsets } = entry.data;
  const type = safetensorsTypes.get(dtype);
  if (!type) {
    throw new FleetError(
      'unsupported_model',
      `Tensor "${name}" is stored as ${dtype}, which is not supported; these are: ${[...safetensorsTypes.keys()].join(', ')}.`,
    );
  }
  const bytes = tensorBytes(name, shape, type);
  const [start, end] = data_offsets;
  if (end - start !== bytes)
    throw new FleetError('invalid_model', `Tensor "${name}" takes ${end - start} bytes, but its shape needs ${bytes}.`);
  const offset = at.dataStart + start;
  checkRange(name, offset, bytes, at.fileBytes);
  return { name, shape, type, file: at.file, offset, bytes };
}
