import type { EncoderDescription } from './family/family.ts';
import { float32Chunks } from './matrix.ts';
import type { DataFile } from './onnx/data-file.ts';
import { Graph } from './onnx/graph.ts';
import { addPooling } from './pooling.ts';
import type { Weights } from './weights/weights.ts';

/** One input at a time, so that no padding or mask is needed. Shapes: S tokens. */
export const encoderNames = {
  /** int64 [S] */
  tokens: 'input_ids',
  /** int64 [S]: 0, 1, 2 and so on. */
  positions: 'position_ids',
  /** float32 [hidden]: of length 1 when the model says so. */
  embedding: 'embedding',
} as const;

/** BERT (arXiv 1810.04805), post-norm, exact GELU, token type 0 throughout. */
export function encoderGraph(model: EncoderDescription, weights: Weights, data: DataFile, dataFileName: string): Graph {
  const graph = new Graph('encoder', dataFileName);
  const prefix = weights.has('bert.embeddings.word_embeddings.weight') ? 'bert.' : '';
  const builder = new EncoderGraphBuilder(model, weights, data, graph, prefix);
  builder.build();
  return graph;
}

class EncoderGraphBuilder {
  readonly #model: EncoderDescription;
  readonly #weights: Weights;
  readonly #data: DataFile;
  readonly #graph: Graph;
  readonly #prefix: string;

  constructor(model: EncoderDescription, weights: Weights, data: DataFile, graph: Graph, prefix: string) {
    this.#model = model;
    this.#weights = weights;
    this.#data = data;
    this.#graph = graph;
    this.#prefix = prefix;
  }

  build(): void {
    const { layers, hiddenSize } = this.#model;
    const graph = this.#graph;
    graph.input(encoderNames.tokens, 'int64', ['S']);
    graph.input(encoderNames.positions, 'int64', ['S']);
    let hidden = this.#embeddings();
    for (let layer = 0; layer < layers; layer += 1) hidden = this.#layer(`encoder.layer.${layer}`, hidden);
    addPooling(graph, hidden, encoderNames.embedding, this.#model);
    graph.output(encoderNames.embedding, 'float32', [hiddenSize]);
  }

  #embeddings(): string {
    const { hiddenSize, vocabularySize, contextLength } = this.#model;
    const graph = this.#graph;
    const words = graph.node(
      'Gather',
      [this.#matrix('embeddings.word_embeddings.weight', vocabularySize, hiddenSize), encoderNames.tokens],
      ['words'],
    );
    const places = graph.node(
      'Gather',
      [this.#matrix('embeddings.position_embeddings.weight', contextLength, hiddenSize), encoderNames.positions],
      ['places'],
    );
    const { tokenTypes } = this.#model;
    const types = this.#weights.entry(`${this.#prefix}embeddings.token_type_embeddings.weight`, [
      tokenTypes,
      hiddenSize,
    ]);
    const type = graph.external(
      'token_type',
      'float32',
      [hiddenSize],
      this.#data.write([this.#weights.rows(types, 0, 1)]),
    );
    const sum = graph.node('Add', [graph.node('Add', [words, places], ['placed']), type], ['typed']);
    return this.#norm(sum, 'embeddings.LayerNorm');
  }

  #layer(name: string, hidden: string): string {
    const { heads, hiddenSize, feedForwardSize } = this.#model;
    const graph = this.#graph;
    const headSize = hiddenSize / heads;
    const perHead = graph.int64s(`${name}.per_head`, [-1, heads, headSize]);
    const project = (which: string): string => {
      const flat = this.#dense(`${name}.attention.self.${which}`, hidden, hiddenSize, hiddenSize);
      return graph.node('Reshape', [flat, perHead], [`${flat}.heads`]);
    };
    const turned = (value: string, order: number[]): string =>
      graph.node('Transpose', [value], [`${value}.turned`], { perm: order });
    const query = turned(project('query'), [1, 0, 2]);
    const key = turned(project('key'), [1, 2, 0]);
    const value = turned(project('value'), [1, 0, 2]);
    const scores = graph.contrib('FusedMatMul', [query, key], [`${name}.scores`], {
      alpha: { float: 1 / Math.sqrt(headSize) },
    });
    const shares = graph.node('Softmax', [scores], [`${name}.shares`], { axis: -1 });
    const mixed = turned(graph.node('MatMul', [shares, value], [`${name}.mixed`]), [1, 0, 2]);
    const joined = graph.node('Reshape', [mixed, graph.int64s(`${name}.flat`, [-1, hiddenSize])], [`${name}.joined`]);
    const attended = this.#dense(`${name}.attention.output.dense`, joined, hiddenSize, hiddenSize);
    const middle = this.#norm(
      graph.node('Add', [attended, hidden], [`${name}.attended`]),
      `${name}.attention.output.LayerNorm`,
    );
    const wide = this.#dense(`${name}.intermediate.dense`, middle, feedForwardSize, hiddenSize);
    const active = graph.contrib('Gelu', [wide], [`${name}.active`]);
    const narrow = this.#dense(`${name}.output.dense`, active, hiddenSize, feedForwardSize);
    return this.#norm(graph.node('Add', [narrow, middle], [`${name}.sum`]), `${name}.output.LayerNorm`);
  }

  #dense(name: string, input: string, rows: number, columns: number): string {
    const weight = this.#matrix(`${name}.weight`, rows, columns);
    const product = this.#graph.contrib('FusedMatMul', [input, weight], [`${name}.product`], {
      transB: 1,
      alpha: { float: 1 },
    });
    return this.#graph.node('Add', [product, this.#vector(`${name}.bias`, rows)], [`${name}.dense`]);
  }

  #norm(input: string, name: string): string {
    const { hiddenSize, layerNormEpsilon } = this.#model;
    const inputs = [input, this.#vector(`${name}.weight`, hiddenSize), this.#vector(`${name}.bias`, hiddenSize)];
    return this.#graph.node('LayerNormalization', inputs, [`${name}.normed`], {
      axis: -1,
      epsilon: { float: layerNormEpsilon },
    });
  }

  #matrix(name: string, rows: number, columns: number): string {
    const matrix = { parts: [{ tensor: this.#prefix + name, rows }], columns };
    return this.#graph.external(
      name,
      'float32',
      [rows, columns],
      this.#data.write(float32Chunks(this.#weights, matrix)),
    );
  }

  #vector(name: string, size: number): string {
    return this.#graph.external(
      name,
      'float32',
      [size],
      this.#data.write([this.#weights.values(this.#prefix + name, [size])]),
    );
  }
}
