import type { DecoderDescription } from '../family/family.ts';
import type { Graph } from '../onnx/graph.ts';
import { sites, sitesOf, type Projection, type SiteName } from './projection.ts';

/**
 * Names of the graph's inputs for adapters. Shapes: D is B, a list for each sequence, or 1, the same for all; R the rank of
 * a site in this step; P rows of a stack, one of zeros for each layer, then one for each place, rank and layer.
 */
export const adapterNames = {
  /** int64 [D, R]: rows of layer 0 in the stacks. */
  rows: (site: string): string => `adapter_rows_${site}`,
  /** float32 [P, columns] */
  down: (projection: string): string => `adapter_down_${projection}`,
  /** float32 [P, rows] */
  up: (projection: string): string => `adapter_up_${projection}`,
} as const;

/**
 * Low-rank matrices as inputs of the graph, those of all adapters in one stack, from which each sequence takes its own:
 * sequences of different adapters share a step, and an adapter comes and goes without another graph. As many rows are
 * taken as the largest rank of a step needs; of rank 0 they add nothing and cost next to nothing.
 */
export class AdapterLayers {
  readonly #graph: Graph;

  constructor(graph: Graph, model: DecoderDescription) {
    this.#graph = graph;
    for (const site of sitesOf(model)) {
      graph.input(adapterNames.rows(site.name), 'int64', ['D', `R_${site.name}`]);
      for (const { name, rows, columns } of site.projections) {
        graph.input(adapterNames.down(name), 'float32', ['P', columns]);
        graph.input(adapterNames.up(name), 'float32', ['P', rows]);
      }
    }
  }

  /** `product + input × downᵀ × up`, for the projections of a site, whose products lie side by side in the last axis of three. */
  add(layer: number, product: string, input: string, site: SiteName): string {
    const rows = this.#rows(layer, site);
    const deltas = sites[site].map((projection) => this.#delta(`${product}_${projection}`, input, rows, projection));
    const [first = ''] = deltas;
    const delta = deltas.length === 1 ? first : this.#graph.node('Concat', deltas, [`${product}_deltas`], { axis: -1 });
    return this.#graph.node('Add', [product, delta], [`${product}_adapted`]);
  }

  #rows(layer: number, site: SiteName): string {
    const first = adapterNames.rows(site);
    if (layer === 0) return first;
    const number = this.#graph.int64s(`layer${layer}_${site}_number`, [layer]);
    return this.#graph.node('Add', [first, number], [`layer${layer}_${site}_adapter_rows`]);
  }

  #delta(name: string, input: string, rows: string, projection: Projection): string {
    const graph = this.#graph;
    const down = graph.node('Gather', [adapterNames.down(projection), rows], [`${name}_down`], { axis: 0 });
    const up = graph.node('Gather', [adapterNames.up(projection), rows], [`${name}_up`], { axis: 0 });
    const transposed = { transA: 0, transB: 1, alpha: { float: 1 } };
    const small = graph.contrib('FusedMatMul', [input, down], [`${name}_small`], transposed);
    return graph.node('MatMul', [small, up], [`${name}_delta`]);
  }
}
