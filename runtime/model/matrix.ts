import { FleetError } from '@qwenfleet/core/errors';
import {
  blockSize,
  fromQ4,
  fromQ8Zero,
  quantizeInt4,
  quantizeInt8,
  type MinimumRows,
  type QuantizedRows,
  type StoredBlocks,
} from './quantise.ts';
import { assertNumbers, type TensorEntry, type Weights } from './weights/weights.ts';

/** Rows that are computed together, so that memory stays bounded on any model. */
const chunkValuesMax = 4 * 1024 * 1024;

export type MatrixPart = {
  tensor: string;
  rows: number;
  /** Undo llama.cpp's interleaving of rotary rows within heads of this size. */
  interleavedHeadSize?: number;
};

/** A linear layer's weights, `[rows, columns]`; several tensors stacked along the rows. */
export type Matrix = { parts: readonly MatrixPart[]; columns: number };

export const rowsOf = (matrix: Matrix): number => matrix.parts.reduce((sum, part) => sum + part.rows, 0);

/** Whether every part is stored in this block type, so that its blocks can be taken as they are. */
export function storedAs(weights: Weights, matrix: Matrix, ...types: string[]): boolean {
  return matrix.parts.every((part) => types.includes(weights.entry(part.tensor).type.name));
}

/** Rows that one product takes, and the blocks that they are stored in; without, they are quantised. */
export type MatrixRun = { matrix: Matrix; stored: Omit<StoredBlocks, 'rows'> | undefined };

/**
 * A matrix by its parts that are stored alike, in order; mostly one.
 * @param bitsMax blocks of more are quantised to fewer
 */
export function runsOf(weights: Weights, matrix: Matrix, bitsMax: 4 | 8): MatrixRun[] {
  const runs: MatrixRun[] = [];
  for (const part of matrix.parts) {
    const stored = blocksOf(weights, part, matrix.columns);
    const taken = stored && stored.bits <= bitsMax ? stored : undefined;
    const last = runs.at(-1);
    if (last && areAlike(last.stored, taken))
      runs[runs.length - 1] = { ...last, matrix: { ...matrix, parts: [...last.matrix.parts, part] } };
    else runs.push({ matrix: { ...matrix, parts: [part] }, stored: taken });
  }
  return runs;
}

const blocksOf = (weights: Weights, { tensor, rows }: MatrixPart, columns: number): StoredBlocks | undefined =>
  weights.blocks(weights.entry(tensor, [rows, columns]));

function areAlike(one: MatrixRun['stored'], other: MatrixRun['stored']): boolean {
  if (!one || !other) return one === other;
  const { order } = other;
  return (
    one.bits === other.bits &&
    one.blockSize === other.blockSize &&
    one.order?.length === order?.length &&
    (one.order?.every((column, place) => column === order?.[place]) ?? true)
  );
}

/** Blocks of a run as they are stored. */
export function* storedChunks(weights: Weights, matrix: Matrix): Generator<QuantizedRows> {
  for (const { part, first, count } of chunks(weights, matrix)) {
    const stored = blocksOf(weights, part, matrix.columns);
    if (stored) yield stored.rows(first, count);
  }
}

export function* float32Chunks(weights: Weights, matrix: Matrix): Generator<Float32Array> {
  for (const { part, entry, first, count } of chunks(weights, matrix)) {
    yield reordered(weights.rows(entry, first, count), part, count);
  }
}

export function* int8Chunks(weights: Weights, matrix: Matrix): Generator<QuantizedRows> {
  quantizable(matrix);
  for (const { part, entry, first, count } of chunks(weights, matrix)) {
    if (entry.type.name === 'Q8_0')
      yield checked(entry, fromQ8Zero(reordered(weights.rawRows(entry, first, count), part, count)));
    else yield quantizeInt8(reordered(weights.rows(entry, first, count), part, count));
  }
}

/** Requantises whatever is stored to four bits with zero points. */
export function* int4Chunks(weights: Weights, matrix: Matrix): Generator<QuantizedRows> {
  quantizable(matrix);
  for (const { part, entry, first, count } of chunks(weights, matrix)) {
    yield quantizeInt4(reordered(weights.rows(entry, first, count), part, count), matrix.columns);
  }
}

/** Takes Q4_0 and Q4_1 blocks as they are. */
export function* storedInt4Chunks(weights: Weights, matrix: Matrix): Generator<MinimumRows> {
  for (const { part, entry, first, count } of chunks(weights, matrix)) {
    const raw = reordered(weights.rawRows(entry, first, count), part, count);
    yield checked(entry, fromQ4(raw, entry.type.name === 'Q4_1' ? 20 : 18));
  }
}

/** Blocks that are taken as they are stored are looked at too. */
function checked<T extends QuantizedRows & Partial<MinimumRows>>({ name }: TensorEntry, rows: T): T {
  assertNumbers(name, rows.scales);
  if (rows.minimums) assertNumbers(name, rows.minimums);
  return rows;
}

function* chunks(
  weights: Weights,
  matrix: Matrix,
): Generator<{ part: MatrixPart; entry: TensorEntry; first: number; count: number }> {
  for (const part of matrix.parts) {
    const entry = weights.entry(part.tensor, [part.rows, matrix.columns]);
    const unit = part.interleavedHeadSize ?? 1;
    const step = Math.max(1, Math.floor(chunkValuesMax / matrix.columns / unit)) * unit;
    for (let first = 0; first < part.rows; first += step) {
      yield { part, entry, first, count: Math.min(step, part.rows - first) };
    }
  }
}

function reordered<T extends Uint8Array | Float32Array>(rows: T, part: MatrixPart, count: number): T {
  const headSize = part.interleavedHeadSize;
  if (headSize === undefined) return rows;
  const width = rows.length / count;
  const result = rows.slice() as T;
  for (let row = 0; row < count; row += 1) {
    const inHead = row % headSize;
    const half = headSize / 2;
    // Row j * half + i of the checkpoint is row 2 * i + j of the file.
    const from = row - inHead + (inHead % half) * 2 + Math.floor(inHead / half);
    result.set(rows.subarray(from * width, (from + 1) * width), row * width);
  }
  return result;
}

function quantizable(matrix: Matrix): void {
  if (matrix.columns % blockSize === 0) return;
  const [first] = matrix.parts;
  throw new FleetError(
    'unsupported_model',
    `Tensor "${first?.tensor}" has ${matrix.columns} columns, which is no multiple of ${blockSize}; use quantization float32.`,
  );
}
