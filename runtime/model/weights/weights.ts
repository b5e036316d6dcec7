import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { FleetError } from '@qwenfleet/core/errors';
import type { StoredBlocks } from '../quantise.ts';
import type { BlockType } from './block-type.ts';

export type TensorEntry = {
  name: string;
  /** Outermost dimension first: `[rows, columns]` for a matrix that maps columns to rows. */
  shape: readonly number[];
  type: BlockType;
  /** Where its bytes are. */
  file: number;
  offset: number;
  bytes: number;
};

/** In a file: a few times what the largest models have, of which each expert has its own. */
export const tensorsMax = 100_000;
const rankMax = 4;
const valuesMax = 2 ** 40;

/** The tensors of a checkpoint, read from its files as they are asked for. */
export class Weights {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly #files: readonly number[];

  /** Throws `invalid_model` when two tensors have the same name: which of them is meant would be chance. */
  constructor(files: readonly number[], tensors: readonly TensorEntry[]) {
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    if (byName.size < tensors.length) {
      const twice = tensors.find((tensor) => byName.get(tensor.name) !== tensor);
      throw new FleetError('invalid_model', `The weights have the tensor "${twice?.name}" twice: the file is damaged.`);
    }
    this.#files = files;
    this.tensors = byName;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** Throws `invalid_model` naming the tensor that is missing, or whose shape is not the wanted one. */
  entry(name: string, shape?: readonly number[]): TensorEntry {
    const tensor = this.tensors.get(name);
    if (!tensor)
      throw new FleetError(
        'invalid_model',
        `The weights have no tensor "${name}". The download may be incomplete; pull it again.`,
      );
    if (shape && shape.join() !== tensor.shape.join()) {
      throw new FleetError(
        'invalid_model',
        `Tensor "${name}" has shape [${tensor.shape.join(', ')}], but the configuration asks for [${shape.join(', ')}].`,
      );
    }
    return tensor;
  }

  /** Stored bytes of rows `first .. first + count - 1`; a vector is one row. */
  rawRows(tensor: TensorEntry, first: number, count: number): Uint8Array {
    const rows = tensor.shape.length === 1 ? 1 : (tensor.shape[0] ?? 0);
    const rowBytes = tensor.bytes / rows;
    const bytes = new Uint8Array(count * rowBytes);
    readExactly(tensor.file, bytes, tensor.offset + first * rowBytes);
    return bytes;
  }

  /** The same rows as float32. Throws `invalid_model` for values that are no numbers. */
  rows(tensor: TensorEntry, first: number, count: number): Float32Array {
    const raw = this.rawRows(tensor, first, count);
    const values = new Float32Array((raw.length / tensor.type.bytesPerBlock) * tensor.type.valuesPerBlock);
    tensor.type.decode(raw, values);
    assertNumbers(tensor.name, values);
    return values;
  }

  /** The blocks that a matrix is stored in, where a product can take them as they are. */
  blocks(_tensor: TensorEntry): StoredBlocks | undefined {
    return undefined;
  }

  /** A whole tensor as float32; for vectors and other small ones. */
  values(name: string, shape?: readonly number[]): Float32Array {
    const tensor = this.entry(name, shape);
    return this.rows(tensor, 0, tensor.shape.length === 1 ? 1 : (tensor.shape[0] ?? 0));
  }

  /** The same files under other names. */
  with(tensors: readonly TensorEntry[]): Weights {
    return new Weights(this.#files, tensors);
  }

  close(): void {
    for (const file of this.#files) closeSync(file);
  }
}

/**
 * Opens files and makes weights of them; when that fails, none of them stays open.
 * Throws `invalid_model` for what cannot be opened or is no file.
 */
export function openedFiles<T>(paths: readonly string[], make: (files: readonly OpenedFile[]) => T): T {
  const files: OpenedFile[] = [];
  try {
    for (const path of paths) files.push(openFile(path));
    return make(files);
  } catch (error) {
    for (const { file } of files) closeSync(file);
    throw error;
  }
}

export type OpenedFile = { file: number; bytes: number };

function openFile(path: string): OpenedFile {
  try {
    // Looked at first: to open a pipe would wait for somebody to write to it.
    const { size } = plainFile(path);
    return { file: openSync(path, 'r'), bytes: size };
  } catch (cause) {
    throw new FleetError('invalid_model', 'A file of the model could not be opened. Pull it again.', { cause });
  }
}

function plainFile(path: string): { size: number } {
  const stats = statSync(path);
  if (!stats.isFile()) throw new Error(`${path} is no plain file`);
  return stats;
}

export function readExactly(file: number, into: Uint8Array, offset: number): void {
  let done = 0;
  while (done < into.length) {
    const count = readSync(file, into, done, Math.min(into.length - done, 1 << 30), offset + done);
    if (count === 0)
      throw new FleetError('invalid_model', 'The model file ended too early: it is truncated. Pull it again.');
    done += count;
  }
}

/** Throws `invalid_model` for values that are no numbers: what one of them is added to is none either. */
export function assertNumbers(name: string, values: Float32Array): void {
  for (const value of values)
    if (!Number.isFinite(value))
      throw new FleetError('invalid_model', `Tensor "${name}" holds a value that is no number. Pull it again.`);
}

/** Bytes that a tensor of this shape takes. Throws `invalid_model` for shapes that no honest file has. */
export function tensorBytes(name: string, shape: readonly number[], type: BlockType): number {
  const values = shape.reduce((product, size) => product * size, 1);
  const columns = shape.at(-1) ?? 1;
  const sane =
    shape.length <= rankMax && shape.every((size) => Number.isSafeInteger(size) && size > 0) && values <= valuesMax;
  if (!sane || columns % type.valuesPerBlock !== 0) {
    throw new FleetError(
      'invalid_model',
      `Tensor "${name}" of type ${type.name} cannot have shape [${shape.join(', ')}].`,
    );
  }
  return (values / type.valuesPerBlock) * type.bytesPerBlock;
}

/** Throws `invalid_model` when a tensor's bytes would lie outside its file. */
export function checkRange(name: string, offset: number, bytes: number, fileBytes: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= fileBytes) return;
  throw new FleetError(
    'invalid_model',
    `Tensor "${name}" lies past the end of its file (${fileBytes} bytes): the file is truncated. Pull it again.`,
  );
}

/**
 * Throws `invalid_model` when tensors of one file share bytes: such a file shows one thing to who checks it and another to
 * who reads it.
 */
export function assertApart(tensors: readonly Pick<TensorEntry, 'name' | 'offset' | 'bytes'>[]): void {
  const inOrder = tensors.toSorted((a, b) => a.offset - b.offset);
  inOrder.forEach((tensor, index) => {
    const before = inOrder[index - 1];
    if (!before || before.offset + before.bytes <= tensor.offset) return;
    throw new FleetError(
      'invalid_model',
      `Tensors "${before.name}" and "${tensor.name}" overlap: the file is damaged.`,
    );
  });
}
