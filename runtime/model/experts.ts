import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { Experts } from './family/family.ts';
import type { LinearBuilder } from './linear.ts';
import type { Matrix } from './matrix.ts';
import type { Graph } from './onnx/graph.ts';

export type ExpertsOptions = {
  /** Of the layer's tensors, such as `model.layers.0.mlp`. */
  tensors: string;
  /** Of the graph's values, such as `layer0`. */
  name: string;
  hiddenSize: number;
  quantization: Quantization;
};

/**
 * A feed-forward layer whose tokens go to the experts that a router chooses (arXiv 2101.03961), as Qwen3-MoE has it: the
 * shares are a softmax over all experts, of which the largest are kept.
 *
 * Rows of tokens are sorted by expert and cut there, so that each expert's product is one matrix over the rows that are
 * its own; most of them are none while decoding, and a product over no rows costs next to nothing. ONNX Runtime's own
 * QMoE makes float weights of all of an expert's at every step (1.30): docs/decisions/0011-rows-sorted-by-expert.md.
 * @param hidden `[B, S, hidden]`
 * @returns the name of `[B, S, hidden]`
 */
export function expertsLayer(
  graph: Graph,
  linear: LinearBuilder,
  experts: Experts,
  hidden: string,
  options: ExpertsOptions,
): string {
  return new ExpertsLayer(graph, linear, experts, options).build(hidden);
}

type Routes = {
  /** `[tokens, 1, active]`: what each chosen expert counts. */
  shares: string;
  /** `[tokens * active]`: rows in the order of their experts, and back. */
  order: string;
  inverse: string;
  /** `[count]`: rows of each expert. */
  rows: string;
};

class ExpertsLayer {
  readonly #graph: Graph;
  readonly #linear: LinearBuilder;
  readonly #experts: Experts;
  readonly #options: ExpertsOptions;

  constructor(graph: Graph, linear: LinearBuilder, experts: Experts, options: ExpertsOptions) {
    this.#graph = graph;
    this.#linear = linear;
    this.#experts = experts;
    this.#options = options;
  }

  build(hidden: string): string {
    const { hiddenSize } = this.#options;
    const { active, feedForwardSize } = this.#experts;
    const flat = this.#reshaped('flat', hidden, [1, -1, hiddenSize]);
    const routes = this.#routes(flat);
    const token = this.#node('Div', [routes.order, this.#integers('active', [active])], 'token');
    const sorted = this.#node('Gather', [flat, token], 'sorted', { axis: 1 });
    const gateUp = this.#products('gate_up', sorted, routes, (expert) => ({
      parts: ['gate', 'up'].map((which) => ({ tensor: this.#tensor(expert, which), rows: feedForwardSize })),
      columns: hiddenSize,
    }));
    const [gate, up] = [this.#name('gate'), this.#name('up')];
    this.#graph.node('Split', [gateUp], [gate, up], { axis: -1, num_outputs: 2 });
    // SiLU is QuickGelu with alpha 1: x * sigmoid(x).
    const activated = this.#graph.contrib('QuickGelu', [gate], [this.#name('activated')], { alpha: { float: 1 } });
    const gated = this.#node('Mul', [activated, up], 'gated');
    const down = this.#products('down', gated, routes, (expert) => ({
      parts: [{ tensor: this.#tensor(expert, 'down'), rows: hiddenSize }],
      columns: feedForwardSize,
    }));
    const own = this.#node('Gather', [down, routes.inverse], 'own', { axis: 1 });
    const perToken = this.#reshaped('per_token', own, [-1, active, hiddenSize]);
    const mixed = this.#node('MatMul', [routes.shares, perToken], 'mixed');
    const shape = this.#node('Shape', [hidden], 'shape');
    return this.#node('Reshape', [mixed, shape], 'experts');
  }

  #routes(flat: string): Routes {
    const { count, active, normalised } = this.#experts;
    const router = {
      parts: [{ tensor: `${this.#options.tensors}.gate.weight`, rows: count }],
      columns: this.#options.hiddenSize,
    };
    // A router is small, and what it chooses decides everything after it: it stays as it is.
    const logits = this.#linear.apply(this.#name('router'), flat, router, 'float32');
    const all = this.#node('Softmax', [logits], 'all_shares', { axis: -1 });
    const [largest, chosen] = [this.#name('largest'), this.#name('chosen')];
    this.#graph.node('TopK', [all, this.#integers('active_count', [active])], [largest, chosen], { axis: -1 });
    const shares = this.#reshaped('shares', normalised ? this.#normalised(largest) : largest, [-1, 1, active]);
    const expertOf = this.#reshaped('expert_of', chosen, [-1]);
    const order = this.#ascending('order', expertOf);
    const inverse = this.#ascending('inverse', order);
    const oneHot = this.#node(
      'OneHot',
      [expertOf, this.#integers('count', [count]), this.#integers('off_on', [0, 1])],
      'one_hot',
    );
    const rows = this.#node('ReduceSum', [oneHot, this.#integers('first_axis', [0])], 'rows', { keepdims: 0 });
    return { shares, order, inverse, rows };
  }

  #normalised(shares: string): string {
    const sum = this.#node('ReduceSum', [shares, this.#integers('last_axis', [-1])], 'sum', { keepdims: 1 });
    return this.#node('Div', [shares, sum], 'kept');
  }

  /** Where each of the values, sorted, was. */
  #ascending(name: string, values: string): string {
    const length = this.#node('Shape', [values], `${name}_length`);
    const places = this.#name(name);
    this.#graph.node('TopK', [values, length], [this.#name(`${name}_values`), places], { axis: 0, largest: 0 });
    return places;
  }

  /** Each expert's own product over its own rows, one after another. */
  #products(name: string, input: string, { rows }: Routes, matrixOf: (expert: number) => Matrix): string {
    const experts = Array.from({ length: this.#experts.count }, (_, expert) => expert);
    const pieces = experts.map((expert) => this.#name(`${name}_in${expert}`));
    this.#graph.node('Split', [input, rows], pieces, { axis: 1 });
    const products = pieces.map((piece, expert) =>
      this.#linear.apply(this.#name(`${name}${expert}`), piece, matrixOf(expert), this.#options.quantization),
    );
    return this.#node('Concat', products, name, { axis: 1 });
  }

  #tensor(expert: number, which: string): string {
    return `${this.#options.tensors}.experts.${expert}.${which}_proj.weight`;
  }

  #name(what: string): string {
    return `${this.#options.name}_moe_${what}`;
  }

  #node(operator: string, inputs: string[], output: string, attributes: Record<string, number> = {}): string {
    return this.#graph.node(operator, inputs, [this.#name(output)], attributes);
  }

  #reshaped(name: string, input: string, shape: readonly number[]): string {
    return this.#node('Reshape', [input, this.#integers(`${name}_shape`, shape)], name);
  }

  #integers(name: string, values: readonly number[]): string {
    return this.#graph.int64s(this.#name(name), values);
  }
}
