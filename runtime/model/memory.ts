import type { KvCacheDtype, Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { projectionsOf } from './adapter/projection.ts';
import type { DecoderDescription, ModelDescription } from './family/family.ts';

export type MemoryOptions = {
  quantization: Quantization;
  kvCacheDtype?: KvCacheDtype | undefined;
  slots: number;
  slotTokens: number;
};

const floatBytes = 4;
/** Of a value; what scales and copies take is left out. */
const valueBytes = { float32: 4, int8: 1, int4: 0.5 } as const satisfies Record<Quantization, number>;

/** Bytes that a model of this shape takes in memory at least: its weights, the KV cache and the logits. */
export function memoryBytesMin(model: ModelDescription, options: MemoryOptions): number {
  const { quantization, kvCacheDtype = 'float32', slots, slotTokens } = options;
  const { layers, hiddenSize, vocabularySize } = model;
  if (model.kind === 'encoder') {
    const ofLayer = 4 * hiddenSize ** 2 + 2 * hiddenSize * model.feedForwardSize;
    return floatBytes * (vocabularySize * hiddenSize + layers * ofLayer);
  }
  const weights = layers * layerValues(model) * valueBytes[quantization];
  // The embedding has eight bits where the layers have four.
  const embedding = vocabularySize * hiddenSize * Math.max(1, valueBytes[quantization]);
  if (model.kind === 'embedder') return weights + embedding;
  const values = 2 * layers * slots * slotTokens * model.keyValueHeads * model.headSize;
  const cache = values * valueBytes[kvCacheDtype];
  return weights + embedding + cache + slots * vocabularySize * floatBytes;
}

function layerValues(model: Omit<DecoderDescription, 'kind' | 'tiedHead'>): number {
  const { hiddenSize, experts } = model;
  const projections = projectionsOf(model).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  return projections + (experts ? 3 * experts.count * experts.feedForwardSize * hiddenSize : 0);
}
