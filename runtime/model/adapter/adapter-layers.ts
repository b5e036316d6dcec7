import type { DecoderDescription } from '../family/family.ts';
import type { Graph } from '../onnx/graph.ts';
import { projectionsOf, type Projection } from './projection.ts';

/**
 * Names of the graph's inputs for adapters. Shapes: D is B, a row for each sequence, or 1, the same for all; P places
 * times layers; R the rank of a projection.
 */
export const adapterNames = {
  /** int64 [D]: the place of an adapter, times the number of layers. Place 0 holds zeros. */
  rows: 'adapter_rows',
  /** float32 [P, columns, R] */
  down: (projection: string): string => `adapter_down_${projection}`,
  /** float32 [P, R, rows] */
  up: (projection: string): string => `adapter_up_${projection}`,
} as const;

/**
 * Low-rank matrices as inputs of the graph, those of all adapters in one stack, from which each sequence takes its own:
 * sequences of different adapters share a step, and an adapter comes and goes without another graph. A stack of rank 0
 * adds nothing and costs next to nothing: it is what a step without adapters is given.
 */
export class AdapterLayers {
  readonly #graph: Graph;
  /** Of each layer: where its matrices lie. */
  readonly #rows: string[] = [adapterNames.rows];

  constructor(graph: Graph, model: DecoderDescription) {
    this.#graph = graph;
    graph.input(adapterNames.rows, 'int64', ['D']);
    for (const { name, rows, columns } of projectionsOf(model)) {
      graph.input(adapterNames.down(name), 'float32', ['P', columns, `R_${name}`]);
      graph.input(adapterNames.up(name), 'float32', ['P', `R_${name}`, rows]);
    }
  }

  /** `product + input × down × up`, for projections whose products lie side by side in the last axis of three. */
  add(layer: number, product: string, input: string, of: readonly Projection[]): string {
    const row = this.#row(layer);
    const deltas = of.map((projection) => this.#delta(`${product}_${projection}`, input, row, projection));
    const delta =
      deltas.length === 1 ? deltas[0] : this.#graph.node('Concat', deltas, [`${product}_deltas`], { axis: -1 });
    return this.#graph.node('Add', [product, delta ?? ''], [`${product}_adapted`]);
  }

  #row(layer: number): string {
    const known = this.#rows[layer];
    if (known !== undefined) return known;
    const number = this.#graph.int64s(`layer${layer}_number`, [layer]);
    const row = this.#graph.node('Add', [adapterNames.rows, number], [`layer${layer}_adapter_row`]);
    this.#rows[layer] = row;
    return row;
  }

  #delta(name: string, input: string, row: string, projection: Projection): string {
    const own = (stack: string, what: string): string =>
      this.#graph.node('Gather', [stack, row], [`${name}_${what}`], { axis: 0 });
    const small = this.#graph.node('MatMul', [input, own(adapterNames.down(projection), 'down')], [`${name}_small`]);
    return this.#graph.node('MatMul', [small, own(adapterNames.up(projection), 'up')], [`${name}_delta`]);
  }
}
