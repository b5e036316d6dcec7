import { existsSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterMatrix } from '../../backend/backend.ts';
import type { DecoderDescription } from '../family/family.ts';
import { assertInside } from '../inside.ts';
import { openSafetensors } from '../weights/safetensors.ts';
import { assertNumbers, type TensorEntry, type Weights } from '../weights/weights.ts';
import { AdapterConfig, adapterConfigName, type AdapterScale } from './adapter-config.ts';
import { moduleOf, projectionsOf, type Projection, type ProjectionShape } from './projection.ts';

export const adapterWeightsName = 'adapter_model.safetensors';

/** PEFT's name of a matrix, of which `module` is the base model's own name of the layer. */
const tensorName =
  /^base_model\.model\.(?<module>model\.layers\.(?<layer>\d{1,5})\.(?<kind>[\w.]+))\.lora_(?<side>[AB])\.weight$/;

type Pair = { module: string; layer: number; shape: ProjectionShape } & AdapterScale;

/** An adapter's files, checked against the model that it is for. */
export type Adapter = {
  /** All that it says: weights, then configuration. */
  files: readonly string[];
  /** The largest of its modules'. */
  rank: number;
  /** Reads them one after another. Throws `invalid_model` for values that are no numbers, or when the file has changed. */
  matrices: () => Generator<AdapterMatrix, void, void>;
};

/**
 * Reads what a folder of PEFT's says of a LoRA adapter; no matrix is read. Throws `invalid_model` for damaged files and
 * shapes that are not the model's, `unsupported_model` for what we would get wrong.
 */
export function readAdapter(folder: string, model: DecoderDescription): Adapter {
  const files = [adapterWeightsName, adapterConfigName].map((name) => path.join(folder, name));
  assertThere(files);
  assertInside(folder, files);
  const config = AdapterConfig.read(folder);
  const open = (): Weights => openSafetensors(folder, { shards: [adapterWeightsName] });
  const weights = open();
  try {
    const pairs = pairsOf(weights, model, config);
    return { files, rank: Math.max(...pairs.map(({ rank }) => rank)), matrices: () => matrices(open(), pairs) };
  } finally {
    weights.close();
  }
}

function assertThere(files: readonly string[]): void {
  const missing = files.find((file) => !existsSync(file));
  if (missing === undefined) return;
  const remedy = missing.endsWith(adapterWeightsName) ? 'Save the adapter with safe_serialization. ' : '';
  throw new FleetError(
    'invalid_model',
    `The adapter has no ${path.basename(missing)}. ${remedy}Give the folder that PEFT's save_pretrained wrote.`,
  );
}

function pairsOf(weights: Weights, model: DecoderDescription, config: AdapterConfig): Pair[] {
  const shapes = new Map(projectionsOf(model).map((shape) => [moduleOf(shape.name), shape]));
  const pairs = new Map<string, Pair>();
  for (const name of weights.tensors.keys()) {
    const { module = '', layer = '', kind = '' } = tensorName.exec(name)?.groups ?? {};
    const shape = shapes.get(kind);
    if (!shape) throw unsupported(name, [...shapes.values()]);
    if (Number(layer) >= model.layers) {
      throw new FleetError(
        'invalid_model',
        `Tensor "${name}" is of layer ${layer}, and the model has ${model.layers} layers: the adapter is of another model.`,
      );
    }
    pairs.set(module, { module, layer: Number(layer), shape, ...config.of(module) });
  }
  if (pairs.size === 0) throw new FleetError('invalid_model', 'The adapter has no matrices. Pull it again.');
  for (const pair of pairs.values()) entriesOf(weights, pair);
  return [...pairs.values()];
}

/** Both matrices, of the shapes that the model and the configuration ask for. */
function entriesOf(
  weights: Weights,
  { module, shape: { rows, columns }, rank }: Pair,
): Record<'down' | 'up', TensorEntry> {
  const entry = (side: string, shape: readonly number[]): TensorEntry =>
    weights.entry(`base_model.model.${module}.lora_${side}.weight`, shape);
  return { down: entry('A', [rank, columns]), up: entry('B', [rows, rank]) };
}

function unsupported(tensor: string, shapes: readonly ProjectionShape[]): FleetError {
  const names: Projection[] = shapes.map(({ name }) => name);
  return new FleetError(
    'unsupported_model',
    `Tensor "${tensor}" is no LoRA matrix of a layer that adapters may change here: ${names.map((name) => `${name}_proj`).join(', ')}. Train it with these as target_modules, or merge it into the weights and serve those.`,
    { param: 'target_modules' },
  );
}

function* matrices(weights: Weights, pairs: readonly Pair[]): Generator<AdapterMatrix, void, void> {
  try {
    for (const pair of pairs) {
      const { down, up } = entriesOf(weights, pair);
      const { layer, rank, scale, shape } = pair;
      yield {
        projection: shape.name,
        layer,
        rank,
        down: valuesOf(weights, down, 1),
        up: valuesOf(weights, up, scale),
      };
    }
  } finally {
    weights.close();
  }
}

/** A scale may make of a number what is none: zero times it would spread. */
function valuesOf(weights: Weights, entry: TensorEntry, scale: number): Float32Array {
  const values = weights.rows(entry, 0, entry.shape[0] ?? 0);
  for (let at = 0; at < values.length; at += 1) values[at] = (values[at] ?? 0) * scale;
  assertNumbers(entry.name, values);
  return values;
}
