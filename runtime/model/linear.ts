import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import {
  float32Chunks,
  int4Chunks,
  int8Chunks,
  rowsOf,
  runsOf,
  storedAs,
  storedChunks,
  storedInt4Chunks,
  type Matrix,
  type MatrixRun,
} from './matrix.ts';
import type { DataFile } from './onnx/data-file.ts';
import type { ExternalData, Graph } from './onnx/graph.ts';
import { blockSize, type QuantizedRows } from './quantise.ts';
import type { Weights } from './weights/weights.ts';

/** How the operator computes (MLAS SQNBit): activations in 8 bits per block of 32, or as they are. */
const activations = { int8: 4, float32: 0 } as const;

const bitsOf = { int8: 8, int4: 4 } as const;

/** A quantised matrix in the graph: bits of a value, values along a row that share a scale, and what holds them. */
type QuantizedWeight = { bits: 4 | 8; blockSize: number; names: readonly string[] };

/** Writes weights to the data file and adds the operators that apply them. */
export class LinearBuilder {
  readonly #graph: Graph;
  readonly #data: DataFile;
  readonly #weights: Weights;
  readonly #blockSums = new Map<string, string>();

  constructor(graph: Graph, data: DataFile, weights: Weights) {
    this.#graph = graph;
    this.#data = data;
    this.#weights = weights;
  }

  /**
   * `output = input × matrixᵀ`, over the last axis of three.
   * @param precise in int8 the input is taken with 16 bits instead of 8.
   */
  apply(name: string, input: string, matrix: Matrix, quantization: Quantization, precise = false): string {
    if (quantization === 'float32') return this.#float32(name, input, matrix);
    const runs = runsOf(this.#weights, matrix, bitsOf[quantization]);
    if (runs.length > 1) {
      const products = runs.map((run, at) => this.apply(`${name}_${at}`, input, run.matrix, quantization, precise));
      return this.#graph.node('Concat', products, [name], { axis: -1 });
    }
    const stored = runs[0]?.stored;
    if (stored) return this.#stored(name, input, matrix, stored, precise);
    if (quantization === 'int8') return this.#int8(name, input, matrix, precise);
    return storedAs(this.#weights, matrix, 'Q4_0', 'Q4_1')
      ? this.#storedInt4(name, input, matrix)
      : this.#int4(name, input, matrix);
  }

  /** The embedding of token ids, and the output head over the same bytes. */
  embedding(
    ids: string,
    matrix: Matrix,
    quantization: Quantization,
  ): { embedded: string; head: (input: string, name: string) => string } {
    const rows = rowsOf(matrix);
    if (quantization === 'float32') {
      const data = this.#data.write(float32Chunks(this.#weights, matrix));
      const table = this.#graph.external('embedding', 'float32', [rows, matrix.columns], data);
      const embedded = this.#graph.node('Gather', [table, ids], ['embedded'], { axis: 0 });
      return { embedded, head: (input, name) => this.#transposed(name, input, table) };
    }
    const blocks = matrix.columns / blockSize;
    const { values, scales } = this.#write(int8Chunks(this.#weights, matrix));
    const table = this.#graph.external('embedding_values', 'uint8', [rows, matrix.columns], values);
    const tableScales = this.#graph.external('embedding_scales', 'float32', [rows, blocks], scales);
    const attributes = { gather_axis: 0, quantize_axis: 1, block_size: blockSize, bits: 8 };
    const embedded = this.#graph.contrib('GatherBlockQuantized', [table, ids, tableScales], ['embedded'], attributes);
    const head = (input: string, name: string): string => {
      // The same bytes under the shape that the product wants: nothing is stored twice.
      const weight = this.#graph.external('head_values', 'uint8', [rows, blocks, blockSize], values);
      const weightScales = this.#graph.external('head_scales', 'float32', [rows, blocks], scales);
      return this.#precise(name, input, { bits: 8, blockSize, names: [weight, weightScales] }, matrix, 2);
    };
    return { embedded, head };
  }

  #float32(name: string, input: string, matrix: Matrix): string {
    const data = this.#data.write(float32Chunks(this.#weights, matrix));
    return this.#transposed(
      name,
      input,
      this.#graph.external(`${name}_weight`, 'float32', [rowsOf(matrix), matrix.columns], data),
    );
  }

  #transposed(name: string, input: string, weight: string): string {
    return this.#graph.contrib('FusedMatMul', [input, weight], [name], { transA: 0, transB: 1, alpha: { float: 1 } });
  }

  #int8(name: string, input: string, matrix: Matrix, precise: boolean): string {
    const [rows, blocks] = [rowsOf(matrix), matrix.columns / blockSize];
    const { values, scales } = this.#write(int8Chunks(this.#weights, matrix));
    const names = [
      this.#graph.external(`${name}_values`, 'uint8', [rows, blocks, blockSize], values),
      this.#graph.external(`${name}_scales`, 'float32', [rows, blocks], scales),
    ];
    const weight = { bits: 8, blockSize, names } as const;
    if (precise) return this.#precise(name, input, weight, matrix, 3);
    return this.#product(name, input, weight, matrix);
  }

  /** Blocks with zero points as a checkpoint stores them, without a second quantisation. */
  #stored(
    name: string,
    input: string,
    matrix: Matrix,
    { bits, blockSize: size, order }: NonNullable<MatrixRun['stored']>,
    precise: boolean,
  ): string {
    const [rows, blocks] = [rowsOf(matrix), matrix.columns / size];
    const zeroPoints: Uint8Array[] = [];
    const { values, scales } = this.#write(storedChunks(this.#weights, matrix), (chunk) =>
      zeroPoints.push(chunk.zeroPoints ?? new Uint8Array()),
    );
    const zeros = this.#data.write(zeroPoints);
    const names = [
      this.#graph.external(`${name}_values`, 'uint8', [rows, blocks, (size * bits) / 8], values),
      this.#graph.external(`${name}_scales`, 'float32', [rows, blocks], scales),
      this.#graph.external(`${name}_zeros`, 'uint8', [zeros.bytes], zeros),
    ];
    const weight = { bits, blockSize: size, names };
    const ordered = order
      ? this.#graph.node('Gather', [input, this.#graph.int64s(`${name}_order`, [...order])], [`${name}_ordered`], {
          axis: -1,
        })
      : input;
    if (precise) return this.#precise(name, ordered, weight, matrix, 3);
    return this.#product(name, ordered, weight, matrix);
  }

  #int4(name: string, input: string, matrix: Matrix): string {
    const [rows, blocks] = [rowsOf(matrix), matrix.columns / blockSize];
    const zeroPoints: Uint8Array[] = [];
    const { values, scales } = this.#write(int4Chunks(this.#weights, matrix), (chunk) =>
      zeroPoints.push(chunk.zeroPoints ?? new Uint8Array()),
    );
    const zeros = this.#data.write(zeroPoints);
    const weight = this.#graph.external(`${name}_values`, 'uint8', [rows, blocks, blockSize / 2], values);
    const scale = this.#graph.external(`${name}_scales`, 'float32', [rows, blocks], scales);
    const zero = this.#graph.external(`${name}_zeros`, 'uint8', [rows * Math.ceil(blocks / 2)], zeros);
    return this.#product(name, input, { bits: 4, blockSize, names: [weight, scale, zero] }, matrix);
  }

  /**
   * Blocks that a GGUF stores as `d * q + m`, without a second quantisation: the product over `d * (q - 8)`, plus the sum
   * of each block of the input times `m + 8 d`. With float activations the result is that of the float32 weights, at 0.7
   * of the speed; zero points that are floats would say the same, at a tenth.
   */
  #storedInt4(name: string, input: string, matrix: Matrix): string {
    const [rows, blocks] = [rowsOf(matrix), matrix.columns / blockSize];
    const minimumsOf: Float32Array[] = [];
    const { values, scales } = this.#write(storedInt4Chunks(this.#weights, matrix), (chunk) =>
      minimumsOf.push(chunk.minimums),
    );
    const weight = this.#graph.external(`${name}_values`, 'uint8', [rows, blocks, blockSize / 2], values);
    const scale = this.#graph.external(`${name}_scales`, 'float32', [rows, blocks], scales);
    const centred = { bits: 4, blockSize, names: [weight, scale] } as const;
    if (storedAs(this.#weights, matrix, 'Q4_0')) return this.#product(name, input, centred, matrix, 'float32');
    const product = this.#product(`${name}_centred`, input, centred, matrix, 'float32');
    const minimums = this.#graph.external(`${name}_minimums`, 'float32', [rows, blocks], this.#data.write(minimumsOf));
    const offset = this.#transposed(`${name}_offset`, this.#sumsOfBlocks(input, matrix.columns), minimums);
    return this.#graph.node('Add', [product, offset], [name]);
  }

  #sumsOfBlocks(input: string, columns: number): string {
    const known = this.#blockSums.get(input);
    if (known !== undefined) return known;
    const shape = this.#graph.int64s(`${input}_block_shape`, [0, -1, columns / blockSize, blockSize]);
    const axes = this.#graph.int64s(`${input}_block_axis`, [-1]);
    const split = this.#graph.node('Reshape', [input, shape], [`${input}_blocks`]);
    const sums = this.#graph.node('ReduceSum', [split, axes], [`${input}_block_sums`], { keepdims: 0 });
    this.#blockSums.set(input, sums);
    return sums;
  }

  #product(
    name: string,
    input: string,
    { bits, blockSize: size, names }: QuantizedWeight,
    matrix: Matrix,
    kind: keyof typeof activations = 'int8',
  ): string {
    return this.#graph.contrib('MatMulNBits', [input, ...names], [name], {
      K: matrix.columns,
      N: rowsOf(matrix),
      bits,
      block_size: size,
      accuracy_level: activations[kind],
    });
  }

  /**
   * The product with activations of 16 bits: the part that 8 bits per block hold, and what they leave, over the same
   * weights. For inputs with outliers that 8 bits round away.
   * @param rank of the input; its last axis is the matrix's columns.
   */
  #precise(name: string, input: string, weight: QuantizedWeight, matrix: Matrix, rank: 2 | 3): string {
    const graph = this.#graph;
    // Zero keeps an axis as it is.
    const kept = Array.from({ length: rank - 1 }, () => 0);
    const blocks = graph.int64s(`${name}_blocks`, [...kept, matrix.columns / weight.blockSize, weight.blockSize]);
    const axis = graph.int64s(`${name}_block_axis`, [-1]);
    const steps = graph.constant(`${name}_steps`, 'float32', [], new Uint8Array(Float32Array.of(1 / 127).buffer));
    const tiny = graph.constant(`${name}_tiny`, 'float32', [], new Uint8Array(Float32Array.of(1e-30).buffer));
    const split = graph.node('Reshape', [input, blocks], [`${name}_split`]);
    const largest = graph.node(
      'ReduceMax',
      [graph.node('Abs', [split], [`${name}_magnitude`]), axis],
      [`${name}_largest`],
      { keepdims: 1 },
    );
    const scale = graph.node(
      'Max',
      [graph.node('Mul', [largest, steps], [`${name}_scale`]), tiny],
      [`${name}_safe_scale`],
    );
    const level = graph.node('Round', [graph.node('Div', [split, scale], [`${name}_ratio`])], [`${name}_level`]);
    const coarse = graph.node('Mul', [level, scale], [`${name}_coarse`]);
    const rest = graph.node('Sub', [split, coarse], [`${name}_rest`]);
    // Both as rows of one product, so that the weights are read once.
    const both = graph.node('Concat', [coarse, rest], [`${name}_both`], { axis: 0 });
    const flat = graph.int64s(`${name}_flat`, [...kept, matrix.columns]);
    const rows = graph.node('Reshape', [both, flat], [`${name}_rows`]);
    const products = this.#product(`${name}_products`, rows, weight, matrix);
    graph.node('Split', [products], [`${name}_high`, `${name}_low`], { axis: 0, num_outputs: 2 });
    return graph.node('Add', [`${name}_high`, `${name}_low`], [name]);
  }

  /** Values go to the file as they are made; of what is kept meanwhile, scales are an eighth of that and the rest less. */
  #write<T extends QuantizedRows>(
    chunks: Iterable<T>,
    keep: (chunk: T) => void = () => undefined,
  ): { values: ExternalData; scales: ExternalData } {
    const kept: Float32Array[] = [];
    function* valuesOf(): Generator<Uint8Array> {
      for (const chunk of chunks) {
        kept.push(chunk.scales);
        keep(chunk);
        yield chunk.values;
      }
    }
    return { values: this.#data.write(valuesOf()), scales: this.#data.write(kept) };
  }
}
