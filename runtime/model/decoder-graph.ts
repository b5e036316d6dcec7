import type { KvCacheDtype, Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { AdapterLayers, adapterNames } from './adapter/adapter-layers.ts';
import { DecoderLayers, type LayerCache } from './decoder-layers.ts';
import type { DecoderDescription } from './family/family.ts';
import type { DataFile } from './onnx/data-file.ts';
import { Graph } from './onnx/graph.ts';
import type { Weights } from './weights/weights.ts';

/** Names of the graph's ends, as the backend binds them. Shapes: B sequences, S new tokens, T cache length, R wanted rows. */
export const decoderNames = {
  /** int64 [B, S] */
  tokens: 'input_ids',
  /** int32 [B]: tokens of each sequence after this run, less one. */
  lengths: 'seqlens_k',
  /** int32 scalar: the longest sequence after this run. */
  longest: 'total_len',
  /** int64 [R]: rows of the flattened [B * S] whose logits are wanted. */
  wanted: 'last_idx',
  /** float32 [R, vocabulary] */
  logits: 'logits',
  /** float32 or int8 [B, keyValueHeads, T, headSize]; past and present are the same memory. */
  pastKey: (layer: number): string => `past_k${layer}`,
  pastValue: (layer: number): string => `past_v${layer}`,
  presentKey: (layer: number): string => `present_k${layer}`,
  presentValue: (layer: number): string => `present_v${layer}`,
  /** float32 [keyValueHeads, 1, headSize], only of a cache in int8: what one step of it is worth, channel by channel. */
  keyScale: (layer: number): string => `scale_k${layer}`,
  valueScale: (layer: number): string => `scale_v${layer}`,
  /** Only of a graph whose sequences may have adapters. */
  adapters: adapterNames,
} as const;

export type GraphOptions = {
  quantization: Quantization;
  /** Positions that the rotary tables cover. */
  contextLength: number;
  /** Whether sequences may have adapters. */
  adapters?: boolean | undefined;
  /** What keys and values are kept as. */
  kvCacheDtype?: KvCacheDtype | undefined;
  dataFileName: string;
  onLayer?: (done: number, total: number) => void;
};

/** Writes a decoder's weights to `data` and returns the graph over them. `graph` may write operators in its own way. */
export function decoderGraph(
  model: DecoderDescription,
  weights: Weights,
  data: DataFile,
  options: GraphOptions,
  graph = new Graph('decoder', options.dataFileName),
): Graph {
  const { tokens, lengths, longest, wanted } = decoderNames;
  graph.input(tokens, 'int64', ['B', 'S']);
  graph.input(lengths, 'int32', ['B']);
  graph.input(longest, 'int32', []);
  graph.input(wanted, 'int64', ['R']);
  const { kvCacheDtype = 'float32' } = options;
  const attention = { lengths, longest, cache: (layer: number) => cacheOf(graph, model, layer, kvCacheDtype) };
  const adapterLayers = options.adapters === true ? new AdapterLayers(graph, model) : undefined;
  const layers = new DecoderLayers(graph, model, weights, data, { ...options, tokens, attention, adapterLayers });
  addHead(graph, model, layers.build(), options.quantization);
  return graph;
}

function cacheOf(
  graph: Graph,
  { keyValueHeads, headSize }: DecoderDescription,
  layer: number,
  dtype: KvCacheDtype,
): LayerCache {
  const { pastKey, pastValue, presentKey, presentValue, keyScale, valueScale } = decoderNames;
  const shape = ['B', keyValueHeads, 'T', headSize] as const;
  const ends: LayerCache = {
    past: [graph.input(pastKey(layer), dtype, shape), graph.input(pastValue(layer), dtype, shape)],
    present: [graph.output(presentKey(layer), dtype, shape), graph.output(presentValue(layer), dtype, shape)],
  };
  if (dtype === 'float32') return ends;
  const scale = (name: string): string => graph.input(name, 'float32', [keyValueHeads, 1, headSize]);
  return { ...ends, scales: [scale(keyScale(layer)), scale(valueScale(layer))] };
}

/** Only the wanted rows reach the output head: it is a fifth of a small model's work. */
function addHead(
  graph: Graph,
  { hiddenSize, vocabularySize, tiedHead: isTied }: DecoderDescription,
  { hidden, tiedHead, linear }: ReturnType<DecoderLayers['build']>,
  quantization: Quantization,
): void {
  const flat = graph.node('Reshape', [hidden, graph.int64s('flat_shape', [-1, hiddenSize])], ['flat']);
  const wanted = graph.node('Gather', [flat, decoderNames.wanted], ['wanted'], { axis: 0 });
  if (isTied) tiedHead(wanted, decoderNames.logits);
  else {
    const matrix = { parts: [{ tensor: 'lm_head.weight', rows: vocabularySize }], columns: hiddenSize };
    // Four bits are too few for the head.
    linear.apply(decoderNames.logits, wanted, matrix, quantization === 'float32' ? 'float32' : 'int8');
  }
  graph.output(decoderNames.logits, 'float32', ['R', vocabularySize]);
}
