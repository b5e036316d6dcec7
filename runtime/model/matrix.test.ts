import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { seededRng } from '@qwenfleet/core/rng';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ggufFile, openFilesIn, type GgufTensor } from '../fixtures/weights-files.ts';
import { float32Chunks, int4Chunks, int8Chunks, rowsOf, storedAs, storedInt4Chunks, type Matrix } from './matrix.ts';
import { blockSize, quantizeInt4, quantizeInt8 } from './quantise.ts';
import { ggufTypes } from './weights/block-type.ts';
import { openGguf } from './weights/gguf.ts';
import type { Weights } from './weights/weights.ts';

const root = mkdtempSync(path.join(tmpdir(), 'matrix-'));
afterAll(() => rmSync(root, { recursive: true }));
let opened: Weights | undefined;
afterEach(() => {
  opened?.close();
  opened = undefined;
  expect(openFilesIn(root)).toEqual([]);
});

function weightsOf(tensors: GgufTensor[]): Weights {
  opened?.close();
  const file = path.join(root, 'weights.gguf');
  writeFileSync(file, ggufFile({ tensors }));
  opened = openGguf(file).weights;
  return opened;
}
const random = (count: number, seed: number): Float32Array => {
  const rng = seededRng(seed);
  return Float32Array.from({ length: count }, () => rng() * 2 - 1);
};
const floats = (name: string, rows: number, columns: number, values: Float32Array): GgufTensor => ({
  name,
  shape: [columns, rows],
  data: Buffer.from(values.buffer),
});
/** Blocks of 32 values that are all nought, with this at the beginning of the first of them. */
const blocks = (type: number, bytes: number, first: number[]): GgufTensor => ({
  name: 'w',
  shape: [32, 2],
  type,
  data: Buffer.from([...first, ...new Uint8Array(2 * bytes - first.length)]),
});
const joined = (chunks: Iterable<Float32Array>): number[] => [...chunks].flatMap((chunk) => [...chunk]);
const matrixOf = (columns: number, ...parts: Matrix['parts'][number][]): Matrix => ({ parts, columns });

describe('a matrix with a value that is no number', () => {
  const wanted = matrixOf(32, { tensor: 'w', rows: 2 });
  const infinite = [0x00, 0x7c];
  const noNumber = [0x01, 0x7e];

  it.each([Number.NaN, Infinity, -Infinity])('is refused with its name, in every quantization: %d', (value) => {
    const weights = weightsOf([floats('w', 2, 32, random(64, 1).fill(value, 40, 41))]);
    for (const read of [float32Chunks, int8Chunks, int4Chunks])
      expect(() => [...read(weights, wanted)]).toThrow('Tensor "w" holds a value that is no number');
  });

  it.each([
    ['Q8_0', blocks(8, 34, noNumber), int8Chunks],
    ['Q4_0', blocks(2, 18, infinite), storedInt4Chunks],
    ['Q4_1, in its scale', blocks(3, 20, noNumber), storedInt4Chunks],
    ['Q4_1, in its minimum', blocks(3, 20, [0, 0, ...infinite]), storedInt4Chunks],
  ] as const)('is refused in blocks that are taken as they are stored: %s', (_name, tensor, read) => {
    expect(() => [...read(weightsOf([tensor]), wanted)]).toThrow('Tensor "w" holds a value that is no number');
  });
});

describe('a matrix of several tensors', () => {
  it('is their rows, one after the other', () => {
    const weights = weightsOf([floats('a', 2, 32, random(64, 1)), floats('b', 3, 32, random(96, 2))]);
    const matrix = matrixOf(32, { tensor: 'b', rows: 3 }, { tensor: 'a', rows: 2 });
    expect(rowsOf(matrix)).toBe(5);
    expect(joined(float32Chunks(weights, matrix))).toEqual([...random(96, 2), ...random(64, 1)]);
  });

  it('is read in pieces that fit the memory, whatever its size', () => {
    const rows = 300;
    const columns = 32_768;
    const values = new Float32Array(rows * columns).map((_, at) => at % 1_000);
    const weights = weightsOf([floats('w', rows, columns, values)]);
    const chunks = [...float32Chunks(weights, matrixOf(columns, { tensor: 'w', rows }))];
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBe(values.length);
    expect(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk.buffer))).equals(Buffer.from(values.buffer))).toBe(
      true,
    );
  });

  it('whose tensor is missing, or has another shape, is refused by name', () => {
    const weights = weightsOf([floats('w', 2, 32, random(64, 1))]);
    expect(() => [...float32Chunks(weights, matrixOf(32, { tensor: 'absent', rows: 2 }))]).toThrow(/"absent"/);
    expect(() => [...float32Chunks(weights, matrixOf(32, { tensor: 'w', rows: 3 }))]).toThrow(/\[2, 32\].*\[3, 32\]/);
  });
});

describe('rows that llama.cpp has interleaved', () => {
  /** As its converter does it (convert_hf_to_gguf.py, `permute`): reshape(heads, 2, half, columns).swapaxes(1, 2). */
  function permuted(values: Float32Array, headSize: number, columns: number): Float32Array {
    const half = headSize / 2;
    const result = new Float32Array(values.length);
    for (let row = 0; row < values.length / columns; row += 1) {
      const [head, inHead] = [Math.floor(row / headSize), row % headSize];
      const [part, pair] = [Math.floor(inHead / half), inHead % half];
      result.set(values.subarray(row * columns, (row + 1) * columns), (head * headSize + pair * 2 + part) * columns);
    }
    return result;
  }

  it('are put back, for any heads', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.constantFrom(2, 4, 6, 16), (heads, headSize) => {
        const rows = heads * headSize;
        const values = random(rows * 32, heads);
        const weights = weightsOf([floats('q', rows, 32, permuted(values, headSize, 32))]);
        const matrix = matrixOf(32, { tensor: 'q', rows, interleavedHeadSize: headSize });
        expect(joined(float32Chunks(weights, matrix))).toEqual([...values]);
      }),
      { numRuns: 20, seed: 2 },
    );
  });

  it('are put back in blocks that are quantised already, as in floats', () => {
    const rng = seededRng(5);
    const data = Buffer.from(Uint8Array.from({ length: 8 * 34 }, () => Math.floor(rng() * 256)));
    for (let row = 0; row < 8; row += 1) data.set([0x55, 0x38], row * 34);
    const weights = weightsOf([{ name: 'q', shape: [32, 8], type: 8, data }]);
    const matrix = matrixOf(32, { tensor: 'q', rows: 8, interleavedHeadSize: 4 });
    const exact = joined(float32Chunks(weights, matrix));
    const [rows] = [...int8Chunks(weights, matrix)];
    const back = [...(rows?.values ?? [])].map((value, at) => (value - 128) * (rows?.scales[Math.floor(at / 32)] ?? 0));
    expect(back).toEqual(exact);
  });
});

describe('quantised rows', () => {
  it('of floats are quantised, of Q8_0 they are taken as they are', () => {
    const values = random(4 * 64, 3);
    const weights = weightsOf([floats('w', 4, 64, values)]);
    const matrix = matrixOf(64, { tensor: 'w', rows: 4 });
    expect([...int8Chunks(weights, matrix)]).toEqual([quantizeInt8(values)]);
    expect([...int4Chunks(weights, matrix)]).toEqual([quantizeInt4(values, 64)]);
    expect(storedAs(weights, matrix, 'F32')).toBe(true);
    expect(storedAs(weights, matrix, 'Q8_0', 'Q4_0')).toBe(false);
  });

  it.each([
    ['Q4_0', 2, 18],
    ['Q4_1', 3, 20],
  ] as const)('of %s say what the blocks say', (name, type, blockBytes) => {
    const rng = seededRng(type);
    const data = Buffer.from(Uint8Array.from({ length: 4 * blockBytes }, () => Math.floor(rng() * 256)));
    for (let block = 0; block < 4; block += 1) {
      data.set([0x55, 0x38], block * blockBytes);
      if (type === 3) data.set([0x10, 0xb8], block * blockBytes + 2);
    }
    const weights = weightsOf([{ name: 'w', shape: [64, 2], type, data }]);
    const matrix = matrixOf(64, { tensor: 'w', rows: 2 });
    expect(storedAs(weights, matrix, 'Q4_0', 'Q4_1')).toBe(true);
    const exact = new Float32Array(128);
    ggufTypes.get(type)?.decode(data, exact);
    const [rows] = [...storedInt4Chunks(weights, matrix)];
    const values = [...(rows?.values ?? [])].flatMap((pair) => [pair & 15, pair >> 4]);
    values.forEach((value, at) => {
      const block = Math.floor(at / blockSize);
      const back = (value - 8) * (rows?.scales[block] ?? 0) + (rows?.minimums[block] ?? 0);
      expect(back, `${name} ${at}`).toBeCloseTo(exact[at] ?? Number.NaN, 4);
    });
  });

  it('are refused for rows that are no whole blocks, with what to do instead', () => {
    const weights = weightsOf([floats('w', 2, 48, random(96, 1))]);
    const matrix = matrixOf(48, { tensor: 'w', rows: 2 });
    for (const chunks of [int8Chunks, int4Chunks]) {
      expect(() => [...chunks(weights, matrix)]).toThrow(FleetError);
      expect(() => [...chunks(weights, matrix)]).toThrow(/"w" has 48 columns.*float32/);
    }
    expect(joined(float32Chunks(weights, matrix))).toHaveLength(96);
  });
});
