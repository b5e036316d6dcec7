import { FleetError } from '@qwenfleet/core/errors';
import { poolings } from '../pooling.ts';
import { describeDecoder } from './decoder.ts';
import type { Family } from './family.ts';

/** Of the model card: "custom dimensions from 32". */
const dimensionsMin = 32;

/** Qwen3-Embedding: Qwen3 whose last token's state is the vector. */
export const qwen3Embedding: Family = {
  name: 'qwen3-embedding',
  task: 'embed',
  architectures: ['Qwen3ForCausalLM', 'Qwen3Model'],
  gguf: 'qwen3',
  describe(settings) {
    const {
      kind: _,
      tiedHead: __,
      ...layers
    } = describeDecoder(settings, {
      queryKeyValueBias: settings.flag('attention_bias', false),
      queryKeyNorm: true,
      interleavedInGguf: false,
    });
    const endToken = settings.number('eos_token_id');
    if (!Number.isInteger(endToken) || endToken < 0 || endToken >= layers.vocabularySize) {
      throw new FleetError(
        'invalid_model',
        `eos_token_id (${endToken}) must be a token of the vocabulary of ${layers.vocabularySize}.`,
        { param: 'eos_token_id' },
      );
    }
    return {
      ...layers,
      kind: 'embedder',
      pooling: settings.oneOf('pooling', poolings, 'last'),
      normalize: settings.flag('normalize_embeddings', true),
      endToken,
      dimensionsMin: Math.min(dimensionsMin, layers.hiddenSize),
    };
  },
};
