import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FleetError } from '@qwenfleet/core/errors';
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

const rankMax = 4;
const valuesMax = 2 ** 40;

/** The tensors of a checkpoint, read from its files as they are asked for. */
export class Weights {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly #files: readonly number[];

  constructor(files: readonly number[], tensors: readonly TensorEntry[]) {
    this.#files = files;
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
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

  /** The same rows as float32. */
  rows(tensor: TensorEntry, first: number, count: number): Float32Array {
    const raw = this.rawRows(tensor, first, count);
    const values = new Float32Array((raw.length / tensor.type.bytesPerBlock) * tensor.type.valuesPerBlock);
    tensor.type.decode(raw, values);
    return values;
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

/** Opens for reading. Throws `invalid_model` when it cannot be. */
export function openFile(path: string): { file: number; bytes: number } {
  try {
    const file = openSync(path, 'r');
    return { file, bytes: fstatSync(file).size };
  } catch (cause) {
    throw new FleetError('invalid_model', 'A file of the model could not be opened.', { cause });
  }
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
