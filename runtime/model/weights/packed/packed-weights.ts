import { FleetError } from '@qwenfleet/core/errors';
import type { QuantizedRows, StoredBlocks } from '../../quantise.ts';
import { float32, int32 } from '../block-type.ts';
import { Weights, type TensorEntry } from '../weights.ts';
import type { Packing } from './packing.ts';

/** The tensors of a linear layer, and what they hold. */
type PackedLayer = {
  levels: TensorEntry;
  zeroPoints: TensorEntry;
  scales: TensorEntry;
  /** Of each input, the group that it is in; undefined: groups lie one after the other. */
  groups: TensorEntry | undefined;
  outputs: number;
  inputs: number;
  groupSize: number;
};

const parts = ['qweight', 'qzeros', 'scales', 'g_idx'] as const;
/** The largest block that the operator knows. */
const blockSizeMax = 256;
const blockSizeMin = 16;

/**
 * Weights whose linear layers are packed: each is there as the matrix `[outputs, inputs]` that it stands for, under the name
 * that it would have as floats, to be read as floats or as the blocks that are stored. Whatever else there is stays as it is.
 * The tensors of one layer are in memory at a time, and the orders of all that have one.
 */
export class PackedWeights extends Weights {
  readonly #base: Weights;
  readonly #packing: Packing;
  readonly #layers: ReadonlyMap<string, PackedLayer>;
  readonly #orders = new Map<PackedLayer, Order | undefined>();
  #read: ReadLayer | undefined;

  /** Throws `invalid_model` when a layer's tensors do not fit each other or the packing. */
  constructor(base: Weights, packing: Packing) {
    const modules = [...base.tensors.keys()].flatMap((name) =>
      name.endsWith('.qweight') ? [name.slice(0, -'.qweight'.length)] : [],
    );
    if (modules.length === 0) {
      throw new FleetError(
        'invalid_model',
        'The model’s configuration has a quantization_config, but none of its weights is packed (there is no tensor named *.qweight). Pull it again.',
        { param: 'quantization_config' },
      );
    }
    const layers = new Map(modules.map((module) => [`${module}.weight`, layerOf(base, module, packing)] as const));
    const own = new Set(modules.flatMap((module) => parts.map((part) => `${module}.${part}`)));
    super(
      [],
      [
        ...[...base.tensors.values()].filter(({ name }) => !own.has(name)),
        ...[...layers].map(([name, { levels, outputs, inputs }]) => ({
          ...levels,
          name,
          shape: [outputs, inputs],
          // What is read of it is floats.
          type: float32,
        })),
      ],
    );
    this.#base = base;
    this.#packing = packing;
    this.#layers = layers;
  }

  override rows(tensor: TensorEntry, first: number, count: number): Float32Array {
    const layer = this.#layers.get(tensor.name);
    if (!layer) return this.#base.rows(tensor, first, count);
    const order = this.#order(layer);
    const levels = this.#levels(layer, order, first, count);
    const scales = this.#scales(layer, first, count);
    const zeroPoints = this.#zeroPoints(layer, first, count);
    const { inputs, groupSize } = layer;
    const groups = inputs / groupSize;
    return new Float32Array(levels.length).map((_, at) => {
      const row = Math.floor(at / inputs);
      const input = at % inputs;
      const place = order === undefined ? input : (order.placeOf[input] ?? 0);
      const group = row * groups + Math.floor(place / groupSize);
      return (scales[group] ?? 0) * ((levels[row * inputs + place] ?? 0) - (zeroPoints[group] ?? 0));
    });
  }

  override blocks(tensor: TensorEntry): StoredBlocks | undefined {
    const layer = this.#layers.get(tensor.name);
    if (!layer) return this.#base.blocks(tensor);
    const { bits } = this.#packing;
    const blockSize = blockSizeOf(layer.groupSize);
    const order = this.#order(layer);
    return {
      bits,
      blockSize,
      order: order?.inputAt,
      rows: (first, count) => this.#blockRows(layer, order, first, count),
    };
  }

  override close(): void {
    this.#base.close();
  }

  #blockRows(layer: PackedLayer, order: Order | undefined, first: number, count: number): QuantizedRows {
    const { bits } = this.#packing;
    const { inputs, groupSize } = layer;
    const perGroup = groupSize / blockSizeOf(groupSize);
    const levels = this.#levels(layer, order, first, count);
    const scales = repeated(this.#scales(layer, first, count), perGroup);
    const zeroPoints = repeated(this.#zeroPoints(layer, first, count), perGroup);
    if (bits === 8) return { values: levels, scales, zeroPoints };
    return {
      values: nibbles(levels, inputs),
      scales,
      zeroPoints: nibbles(zeroPoints, (inputs / groupSize) * perGroup),
    };
  }

  /** `[count, inputs]`, in the order of the groups. */
  #levels(layer: PackedLayer, order: Order | undefined, first: number, count: number): Uint8Array<ArrayBuffer> {
    const { bits, along, places } = this.#packing;
    const { inputs, outputs } = layer;
    const perWord = 32 / bits;
    const mask = 2 ** bits - 1;
    const words = this.#tensorsOf(layer).levels;
    const isAlongInputs = along === 'inputs';
    const rows = Array.from({ length: count }, (_, row) => first + row);
    const wordOf = Int32Array.from(rows, (row) => (isAlongInputs ? row : Math.floor(row / perWord)));
    const shiftOf = Int32Array.from(rows, (row) => (isAlongInputs ? 0 : bits * (places[row % perWord] ?? 0)));
    const levels = new Uint8Array(count * inputs);
    for (let input = 0; input < inputs; input += 1) {
      const place = order === undefined ? input : (order.placeOf[input] ?? 0);
      const line = isAlongInputs ? Math.floor(input / perWord) * outputs : input * (outputs / perWord);
      const shift = isAlongInputs ? bits * (input % perWord) : 0;
      for (let row = 0; row < count; row += 1) {
        const word = words[line + (wordOf[row] ?? 0)] ?? 0;
        levels[row * inputs + place] = (word >>> (shift + (shiftOf[row] ?? 0))) & mask;
      }
    }
    return levels;
  }

  /** `[count, groups]` */
  #zeroPoints(layer: PackedLayer, first: number, count: number): Uint8Array<ArrayBuffer> {
    const { bits, places, zeroPointOffset } = this.#packing;
    const { inputs, outputs, groupSize } = layer;
    const mask = 2 ** bits - 1;
    const words = this.#tensorsOf(layer).zeroPoints;
    const perWord = 32 / bits;
    const groups = inputs / groupSize;
    return new Uint8Array(count * groups).map((_, at) => {
      const output = first + Math.floor(at / groups);
      const word = words[Math.floor(((at % groups) * outputs + output) / perWord)] ?? 0;
      return ((word + zeroPointOffset) >>> (bits * (places[output % perWord] ?? 0))) & mask;
    });
  }

  /** `[count, groups]` */
  #scales(layer: PackedLayer, first: number, count: number): Float32Array {
    const groups = layer.inputs / layer.groupSize;
    const all = this.#tensorsOf(layer).scales;
    return new Float32Array(count * groups).map(
      (_, at) => all[(at % groups) * layer.outputs + first + Math.floor(at / groups)] ?? 0,
    );
  }

  #tensorsOf(layer: PackedLayer): ReadLayer {
    if (this.#read?.layer !== layer) {
      const groups = layer.inputs / layer.groupSize;
      const levels = this.#base.rawRows(layer.levels, 0, layer.levels.shape[0] ?? 0);
      const zeroPoints = this.#base.rawRows(layer.zeroPoints, 0, groups);
      this.#read = {
        layer,
        levels: new Uint32Array(levels.buffer),
        zeroPoints: new Uint32Array(zeroPoints.buffer),
        scales: this.#base.rows(layer.scales, 0, groups),
      };
    }
    return this.#read;
  }

  #order(layer: PackedLayer): Order | undefined {
    const { groups, groupSize } = layer;
    if (!groups) return undefined;
    if (!this.#orders.has(layer)) {
      const ofInputs = new Int32Array(this.#base.rawRows(groups, 0, 1).buffer);
      this.#orders.set(layer, orderOf(groups.name, ofInputs, groupSize));
    }
    return this.#orders.get(layer);
  }
}

/** What the tensors of a layer hold: words, and a scale of each group and output. */
type ReadLayer = { layer: PackedLayer; levels: Uint32Array; zeroPoints: Uint32Array; scales: Float32Array };

/** Inputs sorted by their groups. */
type Order = {
  /** Of each place, the input that is there. */
  inputAt: Int32Array;
  /** Of each input, its place. */
  placeOf: Int32Array;
};

/** Undefined when inputs are in the order of their groups. */
function orderOf(name: string, groups: Int32Array, groupSize: number): Order | undefined {
  const count = groups.length / groupSize;
  const filled = new Int32Array(count);
  const placeOf = groups.map((group) => {
    const place = group * groupSize + (filled[group] ?? groupSize);
    if (group >= 0 && group < count) filled[group] = (filled[group] ?? 0) + 1;
    return place;
  });
  if (filled.some((size) => size !== groupSize)) {
    throw new FleetError(
      'invalid_model',
      `Tensor "${name}" does not put ${groupSize} inputs in each of ${count} groups, as quantization_config.group_size has it. Pull a checkpoint that does.`,
      { param: 'quantization_config.group_size' },
    );
  }
  if (placeOf.every((place, input) => place === input)) return undefined;
  const inputAt = new Int32Array(groups.length);
  placeOf.forEach((place, input) => (inputAt[place] = input));
  return { inputAt, placeOf };
}

function layerOf(base: Weights, module: string, { bits, along, groupSize: wanted }: Packing): PackedLayer {
  const part = (name: (typeof parts)[number], shape: readonly number[] | undefined, isWords: boolean): TensorEntry => {
    const entry = base.entry(`${module}.${name}`, shape);
    if ((entry.type === int32) === isWords) return entry;
    throw new FleetError(
      'invalid_model',
      `Tensor "${entry.name}" is stored as ${entry.type.name}; ${isWords ? 'packed tensors are I32' : 'scales are floats'}.`,
    );
  };
  const perWord = 32 / bits;
  const levels = part('qweight', undefined, true);
  const [first = 0, last = 0] = levels.shape;
  const [inputs, outputs] = along === 'inputs' ? [first * perWord, last] : [first, last * perWord];
  const groupSize = wanted ?? inputs;
  const fits = levels.shape.length === 2 && inputs % groupSize === 0 && blockSizeOf(groupSize) >= blockSizeMin;
  if (!fits || outputs % perWord !== 0) {
    throw new FleetError(
      'unsupported_model',
      `Tensor "${levels.name}" of ${inputs} inputs and ${outputs} outputs cannot have quantization_config.group_size = ${wanted ?? -1}: it must be a multiple of ${blockSizeMin} that divides the inputs, and outputs a multiple of ${perWord}. Pull a checkpoint with another group size, a GGUF, or one that is not quantised.`,
      { param: 'quantization_config.group_size' },
    );
  }
  const groups = inputs / groupSize;
  return {
    levels,
    zeroPoints: part('qzeros', [groups, outputs / perWord], true),
    scales: part('scales', [groups, outputs], false),
    groups: base.has(`${module}.g_idx`) ? part('g_idx', [inputs], true) : undefined,
    outputs,
    inputs,
    groupSize,
  };
}

/** The largest power of two that divides a group, as far as the operator's go. */
const blockSizeOf = (groupSize: number): number => Math.min(blockSizeMax, groupSize & -groupSize);

function repeated<T extends Uint8Array<ArrayBuffer> | Float32Array>(values: T, times: number): T {
  if (times === 1) return values;
  const result = new (values.constructor as new (length: number) => T)(values.length * times);
  values.forEach((value, at) => result.fill(value, at * times, (at + 1) * times));
  return result;
}

/** Two levels a byte, the first in the low nibble; rows begin at whole bytes. */
function nibbles(levels: Uint8Array, columns: number): Uint8Array {
  const rows = levels.length / columns;
  const bytesPerRow = Math.ceil(columns / 2);
  const packed = new Uint8Array(rows * bytesPerRow);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const at = row * bytesPerRow + (column >> 1);
      packed[at] = (packed[at] ?? 0) | ((levels[row * columns + column] ?? 0) << (column & 1 ? 4 : 0));
    }
  }
  return packed;
}
