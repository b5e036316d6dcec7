import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { seededRng } from '@qwenfleet/core/rng';
import { afterAll, describe, expect, it } from 'vitest';
import { MemoryBlock } from '../backend/ort/memory.ts';
import { openedSession } from '../backend/ort/opened.ts';
import { NameArray, Tensor } from '../backend/ort/session.ts';
import { packedLayer, writeSafetensors, type PackedOptions } from '../fixtures/packed-checkpoint.ts';
import { ggufFile, type GgufTensor } from '../fixtures/weights-files.ts';
import { LinearBuilder } from './linear.ts';
import type { Matrix } from './matrix.ts';
import { DataFile } from './onnx/data-file.ts';
import { Graph } from './onnx/graph.ts';
import { ModelSettings } from './settings.ts';
import { ggufTypes, packedTypes } from './weights/block-type.ts';
import { openGguf } from './weights/gguf.ts';
import { PackedWeights } from './weights/packed/packed-weights.ts';
import { packingOf } from './weights/packed/registry.ts';
import { openSafetensors } from './weights/safetensors.ts';
import type { Weights } from './weights/weights.ts';

const root = mkdtempSync(path.join(tmpdir(), 'linear-'));
afterAll(() => rmSync(root, { recursive: true }));

const rows = 48;
const columns = 128;
const inputs = 3;

function gaussian(count: number, seed: number): Float32Array {
  const rng = seededRng(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(rng() + 1e-9)) * Math.cos(2 * Math.PI * rng()),
  );
}

/** Weights as a GGUF stores them, and what they are worth. */
function weightsOf(type: number): { tensor: GgufTensor; exact: Float32Array } {
  const exact = gaussian(rows * columns, 1);
  if (type === 0) return { tensor: { name: 'w', shape: [columns, rows], data: Buffer.from(exact.buffer) }, exact };
  const blockType = ggufTypes.get(type);
  if (!blockType) throw new Error(`there is no type ${type}`);
  const rng = seededRng(type);
  const length = (exact.length / 32) * blockType.bytesPerBlock;
  const data = Buffer.from(Uint8Array.from({ length }, () => Math.floor(rng() * 256)));
  for (let at = 0; at < data.length; at += blockType.bytesPerBlock) {
    // Halves of about a twentieth, and of about minus a third where there is a minimum.
    data.set([Math.floor(rng() * 256), 0x2a], at);
    if (type === 3) data.set([Math.floor(rng() * 256), 0xb5], at + 2);
  }
  blockType.decode(data, exact);
  return { tensor: { name: 'w', shape: [columns, rows], type, data }, exact };
}

type Build = (linear: LinearBuilder, matrix: Matrix, graph: Graph) => string;

/** Weights under the name `w`. */
type Opened = { weights: Weights; exact: Float32Array };

function openedGguf(type: number, folder: string): Opened {
  const { tensor, exact } = weightsOf(type);
  writeFileSync(path.join(folder, 'w.gguf'), ggufFile({ tensors: [tensor] }));
  return { weights: openGguf(path.join(folder, 'w.gguf')).weights, exact };
}

function openedPacked(options: PackedOptions, folder: string): Opened {
  const { tensors, exact } = packedLayer(options, rows, gaussian(rows * columns, 1));
  writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
  const { method, bits = 4, groupSize = 32 } = options;
  const config = { quantization_config: { quant_method: method, bits, group_size: groupSize } };
  const packing = packingOf(new ModelSettings('safetensors', new Map(Object.entries(config))));
  if (!packing) throw new Error('it is packed');
  const packed = new PackedWeights(openSafetensors(folder, { types: packedTypes }), packing);
  return { weights: packed, exact };
}

/** Builds one layer, runs it over some inputs, and gives its outputs beside those of plain arithmetic. */
async function run(
  stored: number | PackedOptions,
  build: Build,
  input = gaussian(inputs * columns, 9),
): Promise<{ got: Float32Array; wanted: Float32Array }> {
  const folder = mkdtempSync(path.join(root, 'layer-'));
  const { weights, exact } = typeof stored === 'number' ? openedGguf(stored, folder) : openedPacked(stored, folder);
  const graph = new Graph('layer', 'model.onnx.data');
  graph.input('x', 'float32', [1, inputs, columns]);
  const data = new DataFile(path.join(folder, 'model.onnx.data'));
  graph.node('Reshape', ['x', graph.int64s('flat', [inputs, columns])], ['x2']);
  const output = build(
    new LinearBuilder(graph, data, weights),
    { parts: [{ tensor: weights.has('w') ? 'w' : 'w.weight', rows }], columns },
    graph,
  );
  graph.node('Reshape', [output, graph.int64s('out_shape', [inputs, rows])], ['y']);
  graph.output('y', 'float32', [inputs, rows]);
  data.close();
  weights.close();
  const file = path.join(folder, 'model.onnx');
  writeFileSync(file, graph.serialize());
  return { got: await compute(file, input), wanted: product(exact, input) };
}

async function compute(file: string, input: Float32Array): Promise<Float32Array> {
  const held = await openedSession(file, 1, (session, weights) => ({ session, weights }));
  const block = new MemoryBlock((input.length + inputs * rows) * 4);
  new Float32Array(block.buffer).set(input);
  const at = block.address + BigInt(input.length * 4);
  const tensors = [
    new Tensor(block.address, [1, inputs, columns], 'float32'),
    new Tensor(at, [inputs, rows], 'float32'),
  ];
  const names = [new NameArray(['x']), new NameArray(['y'])] as const;
  const feeds = {
    inputs: BigUint64Array.of(tensors[0]?.address ?? 0n),
    outputs: BigUint64Array.of(tensors[1]?.address ?? 0n),
  };
  await held.session.run(names[0], names[1], feeds);
  const output = new Float32Array(block.buffer, input.length * 4, inputs * rows).slice();
  for (const each of tensors) each.release();
  for (const each of names) each.free();
  await held.session.release();
  held.weights.release();
  block.free();
  return output;
}

function product(weights: Float32Array, input: Float32Array): Float32Array {
  return Float32Array.from({ length: inputs * rows }, (_, at) => {
    const [row, unit] = [Math.floor(at / rows), at % rows];
    let sum = 0;
    for (let k = 0; k < columns; k += 1) sum += (weights[unit * columns + k] ?? 0) * (input[row * columns + k] ?? 0);
    return sum;
  });
}

const lengthOf = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** Length of the error against the length of what is wanted. */
const relativeError = ({ got, wanted }: { got: Float32Array; wanted: Float32Array }): number =>
  lengthOf(got.map((value, at) => value - (wanted[at] ?? Number.NaN))) / lengthOf(wanted);

const apply =
  (quantization: Quantization, precise = false): Build =>
  (linear, matrix) =>
    linear.apply('layer', 'x', matrix, quantization, precise);

describe('a linear layer', () => {
  /*
   * The bounds, for Gaussian weights and inputs in blocks of 32, whose largest is about 2.1 deviations:
   * eight bits round by 1/254 of it, which is 0.5 % of a deviation a side; four bits by 1/15 of a span of about 4, over the
   * square root of 12, which is 8 %. Blocks that are stored already lose nothing where the inputs stay floats.
   */
  it.each<[Quantization, string, number, number]>([
    ['float32', 'floats', 0, 1e-6],
    ['int8', 'floats', 0, 0.01],
    ['int8', 'Q8_0', 8, 0.01],
    ['int4', 'floats', 0, 0.1],
    ['int4', 'Q4_0, as they are', 2, 1e-5],
    ['int4', 'Q4_1, as they are', 3, 1e-5],
    ['float32', 'Q4_1', 3, 1e-6],
    ['int8', 'Q4_1, made to eight bits', 3, 0.01],
  ])('in %s over %s is off by its bound at most', async (quantization, _name, type, bound) => {
    const error = relativeError(await run(type, apply(quantization)));
    expect(error).toBeLessThan(bound);
    // A bound that is never nearly met says nothing.
    if (bound > 1e-3) expect(error).toBeGreaterThan(bound / 50);
  });

  /*
   * With activations of 16 bits next to nothing is lost of the floats that packed weights stand for. With 8 bits a block,
   * an eighth of what four bits of our own would lose.
   */
  it.each<[string, PackedOptions]>([
    ...[16, 32, 64, 128].map((groupSize): [string, PackedOptions] => [
      `AWQ in groups of ${groupSize}`,
      { method: 'awq', groupSize },
    ]),
    ['AWQ, a group a row', { method: 'awq', groupSize: -1 }],
    ...([4, 8] as const).flatMap((bits) =>
      [32, 128].map((groupSize): [string, PackedOptions] => [
        `GPTQ of ${bits} bits in groups of ${groupSize}`,
        { method: 'gptq', bits, groupSize },
      ]),
    ),
    ['GPTQ by activation order', { method: 'gptq', groups: 'by layer' }],
    ['GPTQ of 8 bits by activation order', { method: 'gptq', bits: 8, groupSize: 64, groups: 'by layer' }],
  ])('takes %s as it is', async (_name, options) => {
    expect(relativeError(await run(options, apply('int8', true)))).toBeLessThan(1e-4);
    expect(relativeError(await run(options, apply('int8')))).toBeLessThan(0.01);
  });

  it('makes eight packed bits to four when four are asked for', async () => {
    const error = relativeError(await run({ method: 'gptq', bits: 8 }, apply('int4')));
    expect(error).toBeGreaterThan(0.02);
    expect(error).toBeLessThan(0.1);
  });

  it('keeps an input of noughts', async () => {
    for (const quantization of ['float32', 'int8', 'int4'] as const) {
      const { got } = await run(0, apply(quantization), new Float32Array(inputs * columns));
      expect(Math.max(...got.map(Math.abs)), quantization).toBe(0);
    }
  });
});

describe('the head over the bytes of the embedding', () => {
  const head: Build = (linear, matrix, graph) =>
    linear.embedding(graph.int64s('ids', [0]), matrix, 'int8').head('x2', 'logits');
  // Q8_0, of which nothing is lost: all that is off comes from the inputs.
  const stored = 8;

  it('is off by less than eight bits would be', async () => {
    expect(relativeError(await run(stored, head))).toBeLessThan(1e-4);
    expect(relativeError(await run(stored, apply('int8')))).toBeGreaterThan(1e-3);
  });

  it('keeps what is small beside an outlier, which eight bits round away', async () => {
    const plain = gaussian(inputs * columns, 9);
    const isOutlier = (at: number): boolean => at % 32 === 5;
    const outliers = plain.map((value, at) => (isOutlier(at) ? 200 : value));
    const small = product(
      weightsOf(stored).exact,
      plain.map((value, at) => (isOutlier(at) ? 0 : value)),
    );
    const off = async (build: Build): Promise<number> => {
      const { got, wanted } = await run(stored, build, outliers);
      return lengthOf(got.map((value, at) => value - (wanted[at] ?? Number.NaN))) / lengthOf(small);
    };
    expect(await off(head)).toBeLessThan(0.02);
    expect(await off(apply('int8'))).toBeGreaterThan(0.1);
  });
});
