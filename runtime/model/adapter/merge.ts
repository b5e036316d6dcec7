import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterMatrix } from '../../backend/backend.ts';
import type { DecoderDescription } from '../family/family.ts';
import type { StoredBlocks } from '../quantise.ts';
import type { OpenModel } from '../read.ts';
import { float32 } from '../weights/block-type.ts';
import { Weights, type TensorEntry } from '../weights/weights.ts';
import { moduleOf, type Projection } from './projection.ts';
import { readAdapter } from './read-adapter.ts';

/**
 * A model with adapters merged into its weights: at its full speed, and for good. In the order given, each over the last.
 * Throws what `readAdapter` does, and `invalid_config` for models that are no decoders.
 */
export function withMerged(model: OpenModel, folders: readonly string[]): OpenModel {
  if (folders.length === 0) return model;
  const { description } = model;
  if (description.kind !== 'decoder') {
    throw new FleetError(
      'invalid_config',
      'model.merge: this model makes vectors, and takes no adapters. Leave it out.',
      {
        param: 'model.merge',
      },
    );
  }
  const adapters = folders.map((folder) => readAdapter(folder, description));
  return {
    ...model,
    merged: folders,
    // What the weights are known by: another adapter makes another graph.
    weightsFiles: [...model.weightsFiles, ...adapters.flatMap(({ files }) => files)],
    openWeights: () =>
      new MergedWeights(
        model.openWeights(),
        description,
        adapters.flatMap(({ matrices }) => [...matrices()]),
      ),
  };
}

/** Weights to which low-rank matrices are added as they are read. */
class MergedWeights extends Weights {
  readonly #base: Weights;
  readonly #added = new Map<
    string,
    { entry: TensorEntry; matrices: AdapterMatrix[]; rowOf: (row: number) => number }
  >();

  constructor(base: Weights, model: DecoderDescription, matrices: readonly AdapterMatrix[]) {
    const changed = new Map(
      matrices.map(({ layer, projection }) => [tensorOf(layer, projection), projection] as const),
    );
    // Blocks that are stored cannot be taken as they are: what is read of these is floats.
    super(
      [],
      [...base.tensors.values()].map((entry) => (changed.has(entry.name) ? { ...entry, type: float32 } : entry)),
    );
    this.#base = base;
    for (const [name, projection] of changed) {
      this.#added.set(name, {
        entry: base.entry(name),
        matrices: matrices.filter((matrix) => tensorOf(matrix.layer, matrix.projection) === name),
        rowOf: rowOrder(model, projection),
      });
    }
  }

  override rows(tensor: TensorEntry, first: number, count: number): Float32Array {
    const added = this.#added.get(tensor.name);
    if (!added) return this.#base.rows(tensor, first, count);
    const values = this.#base.rows(added.entry, first, count);
    const columns = values.length / count;
    for (const { rank, down, up } of added.matrices) {
      for (let row = 0; row < count; row += 1) {
        const from = added.rowOf(first + row) * rank;
        for (let at = 0; at < rank; at += 1) {
          const factor = up[from + at] ?? 0;
          for (let column = 0; column < columns; column += 1)
            values[row * columns + column] =
              (values[row * columns + column] ?? 0) + factor * (down[at * columns + column] ?? 0);
        }
      }
    }
    return values;
  }

  override blocks(tensor: TensorEntry): StoredBlocks | undefined {
    return this.#added.has(tensor.name) ? undefined : this.#base.blocks(tensor);
  }

  override close(): void {
    this.#base.close();
  }
}

const tensorOf = (layer: number, projection: string): string =>
  // Of `readAdapter`, which knows no other projections.
  `model.layers.${layer}.${moduleOf(projection as Projection)}.weight`;

/** Which row of the checkpoint a row of the file is: llama.cpp's converter interleaves those of queries and keys. */
function rowOrder(
  { headSize, interleavedRotaryRows }: DecoderDescription,
  projection: string,
): (row: number) => number {
  if (!interleavedRotaryRows || (projection !== 'q' && projection !== 'k')) return (row) => row;
  return (row) => {
    const inHead = row % headSize;
    return row - inHead + (inHead % 2) * (headSize / 2) + Math.floor(inHead / 2);
  };
}
