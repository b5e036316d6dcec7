import { FleetError } from '@qwenfleet/core/errors';
import { poolings } from '../pooling.ts';
import type { Family } from './family.ts';

/** BERT encoders such as all-MiniLM-L6-v2, for embeddings. */
export const bert: Family = {
  name: 'bert',
  task: 'embed',
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
    const [hiddenSize, heads] = [settings.size('hidden_size'), settings.size('num_attention_heads')];
    if (hiddenSize % heads !== 0) {
      throw new FleetError(
        'invalid_model',
        `hidden_size (${hiddenSize}) must be a multiple of num_attention_heads (${heads}).`,
        { param: 'num_attention_heads' },
      );
    }
    return {
      kind: 'encoder',
      layers: settings.size('num_hidden_layers'),
      hiddenSize,
      feedForwardSize: settings.size('intermediate_size'),
      heads,
      vocabularySize: settings.size('vocab_size'),
      contextLength: settings.size('max_position_embeddings'),
      tokenTypes: settings.size('type_vocab_size', 2),
      layerNormEpsilon: settings.number('layer_norm_eps', 1e-12),
      pooling: settings.oneOf('pooling', poolings, 'mean'),
      normalize: settings.flag('normalize_embeddings', false),
    };
  },
};
