import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';
import { readBounded } from '../../bounded-file.ts';
import { parseBounded } from '../../bounded-json.ts';
import { safetensorsTypes, type BlockType } from './block-type.ts';
import {
  Weights,
  assertApart,
  checkRange,
  openedFiles,
  readExactly,
  tensorBytes,
  tensorsMax,
  type OpenedFile,
  type TensorEntry,
} from './weights.ts';

/** A tensor takes a hundred bytes or two of it: Qwen3-235B, of 36,000 tensors, has an index of 4 MB. */
const headerBytesMax = 16 * 1024 * 1024;
const shardsMax = 1_000;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()).max(8),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
type Entry = z.infer<typeof entrySchema>;
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens the weights of a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 * @param options.types by `dtype`, those that may be in them
 * Throws `invalid_model` for truncated, overlong or overlapping files, `unsupported_model` for types that we do not read.
 */
export function openSafetensors(
  folder: string,
  {
    shards = shardsOf(folder),
    types = safetensorsTypes,
  }: { shards?: readonly string[]; types?: ReadonlyMap<string, BlockType> } = {},
): Weights {
  return openedFiles(
    shards.map((shard) => path.join(folder, shard)),
    (files) => {
      const tensors = files.flatMap((file, index) => readShard(file, shards[index] ?? '', types));
      return new Weights(
        files.map(({ file }) => file),
        tensors,
      );
    },
  );
}

/** File names of the shards; names that would leave the folder are refused. */
export function shardsOf(folder: string): string[] {
  const indexFile = path.join(folder, 'model.safetensors.index.json');
  if (!existsSync(indexFile)) return ['model.safetensors'];
  const text = readBounded(indexFile, 'model.safetensors.index.json', headerBytesMax);
  const index = indexSchema.safeParse(parseBounded(text, 'model.safetensors.index.json'));
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

function readShard(
  { file, bytes: fileBytes }: OpenedFile,
  shard: string,
  types: ReadonlyMap<string, BlockType>,
): TensorEntry[] {
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
  const entries = entriesOf(header, shard);
  assertWhole(entries, fileBytes - dataStart, shard);
  return entries
    .filter(([, { dtype }]) => !isIndex(dtype))
    .map(([name, entry]) => tensorOf(name, entry, { file, dataStart, types }));
}

/** The format's own rule: tensors cover the data without gaps, so that nothing hides between them. */
function assertWhole(entries: readonly [string, Entry][], dataBytes: number, shard: string): void {
  const places = entries.map(
    ([
      name,
      {
        data_offsets: [start, end],
      },
    ]) => ({ name, offset: start, bytes: end - start }),
  );
  const backwards = places.find(({ bytes }) => bytes < 0);
  if (backwards) {
    throw new FleetError(
      'invalid_model',
      `Tensor "${backwards.name}" takes ${backwards.bytes} bytes: the header of ${shard} is damaged.`,
    );
  }
  for (const { name, offset, bytes } of places) checkRange(name, offset, bytes, dataBytes);
  assertApart(places);
  const owned = places.reduce((sum, { bytes }) => sum + bytes, 0);
  if (owned === dataBytes) return;
  throw new FleetError(
    'invalid_model',
    `${dataBytes - owned} bytes of ${shard} are nobody's: the file is damaged, or names a tensor twice.`,
  );
}

/** Old BERT checkpoints keep their position numbers as a tensor of integers: no weight, and nothing reads it. */
const isIndex = (dtype: string): boolean => dtype === 'I64';

function entriesOf(header: Buffer, shard: string): [string, Entry][] {
  const value = parseBounded(header.toString('utf8'), `The header of ${shard}`);
  if (!isObject(value))
    throw new FleetError('invalid_model', `The header of ${shard} is not an object: the file is damaged.`);
  const given = Object.entries(value).filter(([name]) => name !== '__metadata__');
  if (given.length > tensorsMax) {
    throw new FleetError(
      'invalid_model',
      `The header of ${shard} names ${given.length} tensors; at most ${tensorsMax} are read. Use another checkpoint.`,
    );
  }
  return given.map(([name, value]) => {
    const entry = entrySchema.safeParse(value);
    if (entry.success) return [name, entry.data];
    throw new FleetError('invalid_model', `The header's entry of tensor "${name}" is damaged.`);
  });
}

function tensorOf(
  name: string,
  { dtype, shape, data_offsets: [start, end] }: Entry,
  at: { file: number; dataStart: number; types: ReadonlyMap<string, BlockType> },
): TensorEntry {
  const type = at.types.get(dtype);
  if (!type) {
    throw new FleetError(
      'unsupported_model',
      `Tensor "${name}" is stored as ${dtype}, which is not supported; these are: ${[...at.types.keys()].join(', ')}.`,
    );
  }
  const bytes = tensorBytes(name, shape, type);
  if (end - start !== bytes)
    throw new FleetError('invalid_model', `Tensor "${name}" takes ${end - start} bytes, but its shape needs ${bytes}.`);
  return { name, shape, type, file: at.file, offset: at.dataStart + start, bytes };
}
