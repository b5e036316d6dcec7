import { float16At } from './weights/block-type.ts';

/** Values that share a scale. */
export const blockSize = 32;

/**
 * Rows of a matrix in the layout of ONNX Runtime's MatMulNBits: per row, blocks of 32 values along the columns.
 * A value is `scale * (quantised - zeroPoint)`; without zero points they are 8 (4 bits) or 128 (8 bits).
 */
export type QuantizedRows = {
  /** 4 bits: two values a byte, the first in the low nibble. 8 bits: one. */
  values: Uint8Array;
  scales: Float32Array;
  /** 4 bits: two a byte along the blocks of a row, padded to whole bytes. 8 bits: one. */
  zeroPoints?: Uint8Array;
};

/** Rows as a checkpoint stores them, which a product takes as they are. */
export type StoredBlocks = {
  bits: 4 | 8;
  /** Values along a row that share a scale. */
  blockSize: number;
  /** Of each place along a row, the column that is there; undefined when columns are in order. */
  order: Int32Array | undefined;
  rows: (first: number, count: number) => QuantizedRows;
};

/** Symmetric, 8 bits: the largest magnitude of a block becomes 127. */
export function quantizeInt8(rows: Float32Array): QuantizedRows {
  const blocks = rows.length / blockSize;
  const values = new Uint8Array(rows.length);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block += 1) {
    const start = block * blockSize;
    let largest = 0;
    for (let index = start; index < start + blockSize; index += 1)
      largest = Math.max(largest, Math.abs(rows[index] ?? 0));
    const scale = largest / 127;
    const inverse = scale === 0 ? 0 : 1 / scale;
    scales[block] = scale;
    for (let index = start; index < start + blockSize; index += 1)
      values[index] = Math.round((rows[index] ?? 0) * inverse) + 128;
  }
  return { values, scales };
}

/**
 * Asymmetric, 4 bits: the grid spans the block's own minimum and maximum, zero always being on it.
 * @param columns values per row; zero points are packed along a row
 */
export function quantizeInt4(rows: Float32Array, columns: number): QuantizedRows {
  const blocks = rows.length / blockSize;
  const packed = new Uint8Array(rows.length / 2);
  const scales = new Float32Array(blocks);
  const zeroPoints = emptyZeroPoints(blocks, columns);
  for (let block = 0; block < blocks; block += 1) {
    const start = block * blockSize;
    const { scale, zeroPoint } = bestGrid(rows, start);
    scales[block] = scale;
    setZeroPoint(zeroPoints, block, columns / blockSize, zeroPoint);
    for (let index = 0; index < blockSize; index += 2) {
      const low = onGrid(rows[start + index] ?? 0, scale, zeroPoint);
      const high = onGrid(rows[start + index + 1] ?? 0, scale, zeroPoint);
      packed[(start + index) / 2] = low | (high << 4);
    }
  }
  return { values: packed, scales, zeroPoints };
}

/** Tries grids that are slightly narrower than the block, and keeps the one with the least squared error. */
function bestGrid(rows: Float32Array, start: number): { scale: number; zeroPoint: number } {
  let minimum = 0;
  let maximum = 0;
  for (let index = start; index < start + blockSize; index += 1) {
    minimum = Math.min(minimum, rows[index] ?? 0);
    maximum = Math.max(maximum, rows[index] ?? 0);
  }
  let best = { scale: 0, zeroPoint: 8, error: Infinity };
  if (maximum === minimum) return { scale: 0, zeroPoint: 8 };
  for (const shrink of [1, 0.96, 0.92, 0.88, 0.84]) {
    const scale = ((maximum - minimum) / 15) * shrink;
    const centre = Math.round(-minimum / ((maximum - minimum) / 15));
    for (let zeroPoint = Math.max(0, centre - 1); zeroPoint <= Math.min(15, centre + 1); zeroPoint += 1) {
      let error = 0;
      for (let index = start; index < start + blockSize; index += 1) {
        const value = rows[index] ?? 0;
        error += (value - scale * (onGrid(value, scale, zeroPoint) - zeroPoint)) ** 2;
      }
      if (error < best.error) best = { scale, zeroPoint, error };
    }
  }
  return best;
}

const onGrid = (value: number, scale: number, zeroPoint: number): number =>
  scale === 0 ? zeroPoint : Math.min(15, Math.max(0, Math.round(value / scale) + zeroPoint));

function emptyZeroPoints(blocks: number, columns: number): Uint8Array {
  const perRow = columns / blockSize;
  return new Uint8Array((blocks / perRow) * Math.ceil(perRow / 2));
}

function setZeroPoint(zeroPoints: Uint8Array, block: number, perRow: number, zeroPoint: number): void {
  const row = Math.floor(block / perRow);
  const inRow = block % perRow;
  const at = row * Math.ceil(perRow / 2) + (inRow >> 1);
  zeroPoints[at] = (zeroPoints[at] ?? 0) | (zeroPoint << (inRow & 1 ? 4 : 0));
}

/** Blocks of a Q8_0 tensor as they are: no value changes. */
export function fromQ8Zero(raw: Uint8Array): QuantizedRows {
  const blocks = raw.length / 34;
  const values = new Uint8Array(blocks * blockSize);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block += 1) {
    scales[block] = float16At(raw, block * 34);
    for (let index = 0; index < blockSize; index += 1) {
      // Signed to offset by 128: the sign bit flips.
      values[block * blockSize + index] = (raw[block * 34 + 2 + index] ?? 0) ^ 0x80;
    }
  }
  return { values, scales };
}

export type MinimumRows = QuantizedRows & {
  /** Added to every value of a block. */
  minimums: Float32Array;
};

/** Blocks of a Q4_0 (18 bytes) or Q4_1 (20 bytes) tensor as they are; a value is `scale * (q - 8) + minimum`. */
export function fromQ4(raw: Uint8Array, blockBytes: 18 | 20): MinimumRows {
  const blocks = raw.length / blockBytes;
  const values = new Uint8Array((blocks * blockSize) / 2);
  const scales = new Float32Array(blocks);
  const minimums = new Float32Array(blocks);
  const header = blockBytes - 16;
  for (let block = 0; block < blocks; block += 1) {
    const at = block * blockBytes;
    const scale = float16At(raw, at);
    scales[block] = scale;
    minimums[block] = blockBytes === 20 ? float16At(raw, at + 2) + 8 * scale : 0;
    for (let pair = 0; pair < 16; pair += 1) values[block * 16 + pair] = repacked(raw, at + header, pair);
  }
  return { values, scales, minimums };
}

/** GGUF keeps value i beside value i + 16; MatMulNBits wants neighbours 2i and 2i + 1. */
function repacked(raw: Uint8Array, at: number, pair: number): number {
  const first = pair * 2;
  const nibble = (index: number): number => {
    const both = raw[at + (index & 15)] ?? 0;
    return index < 16 ? both & 15 : both >> 4;
  };
  return nibble(first) | (nibble(first + 1) << 4);
}
