import type { GraphOptions } from './decoder-graph.ts';
import { DecoderLayers } from './decoder-layers.ts';
import type { EmbedderDescription } from './family/family.ts';
import type { DataFile } from './onnx/data-file.ts';
import { dataType, Graph } from './onnx/graph.ts';
import { addPooling } from './pooling.ts';
import type { Weights } from './weights/weights.ts';

/** One input at a time, as encoders are run. Shapes: S tokens. */
export const embedderNames = {
  /** int64 [S] */
  tokens: 'input_ids',
  /** float32 [hidden] */
  embedding: 'vector',
} as const;

/** A decoder without a cache and a head, whose hidden states make a vector (Qwen3-Embedding, arXiv 2506.05176). */
export function embedderGraph(
  model: EmbedderDescription,
  weights: Weights,
  data: DataFile,
  options: GraphOptions,
): Graph {
  const graph = new Graph('embedder', options.dataFileName);
  graph.input(embedderNames.tokens, 'int64', ['S']);
  const first = graph.int64s('first_axis', [0]);
  const tokens = graph.node('Unsqueeze', [embedderNames.tokens, first], ['batch']);
  const shape = graph.node('Shape', [embedderNames.tokens], ['length']);
  const length = graph.node('Cast', [shape], ['length32'], { to: dataType.int32 });
  const longest = graph.node('Squeeze', [length, first], ['longest']);
  const one = graph.constant('one', 'int32', [], new Uint8Array(Int32Array.of(1).buffer));
  const lengths = graph.node('Sub', [length, one], ['lengths']);
  const layers = new DecoderLayers(graph, model, weights, data, {
    ...options,
    tokens,
    attention: { lengths, longest },
  });
  const { hidden } = layers.build();
  const rows = graph.node('Squeeze', [hidden, first], ['rows']);
  addPooling(graph, rows, embedderNames.embedding, model);
  graph.output(embedderNames.embedding, 'float32', [model.hiddenSize]);
  return graph;
}
