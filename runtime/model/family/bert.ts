import { FleetError } from '@qwenfleet/core/errors';
import type { Family } from './family.ts';

/** BERT encoders such as all-MiniLM-L6-v2, for embeddings. */
export const bert: Family = {
  name: 'bert',
  architectures: ['BertModel'],
  describe(settings) {
    const activation = settings.text('hidden_act', 'gelu');
    if (activation !== 'gelu') {
      throw new FleetError(
        'unsupported_model',
        `The activation ${JSON.stringify(activation)} is not supported in encoders; gelu is.`,
        { param: 'hidden_act' },
      );
    }
    return {
      kind: 'encoder',
      layers: settings.size('num_hidden_layers'),
      hiddenSize: settings.size('hidden_size'),
      feedForwardSize: settings.size('intermediate_size'),
      heads: settings.size('num_attention_heads'),
      vocabularySize: settings.size('vocab_size'),
      contextLength: settings.size('max_position_embeddings'),
      layerNormEpsilon: settings.number('layer_norm_eps', 1e-12),
      normalize: settings.flag('normalize_embeddings', false),
    };
  },
};
