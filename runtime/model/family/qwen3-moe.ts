import { FleetError } from '@qwenfleet/core/errors';
import type { ModelSettings } from '../settings.ts';
import { describeDecoder } from './decoder.ts';
import type { Experts, Family } from './family.ts';

/** Eight times what Qwen3-30B-A3B has: each is a product of its own in the graph. */
const expertsMax = 1024;

/** Qwen3 with experts in place of every feed-forward layer, such as Qwen3-30B-A3B. */
export const qwen3Moe: Family = {
  name: 'qwen3-moe',
  task: 'generate',
  architectures: ['Qwen3MoeForCausalLM'],
  gguf: 'qwen3moe',
  ggufKeys: [
    ['expert_count', 'num_experts'],
    ['expert_used_count', 'num_experts_per_tok'],
    ['expert_feed_forward_length', 'moe_intermediate_size'],
  ],
  describe: (settings) => ({
    ...describeDecoder(settings, {
      queryKeyValueBias: settings.flag('attention_bias', false),
      queryKeyNorm: true,
      interleavedInGguf: false,
    }),
    experts: expertsOf(settings),
  }),
};

function expertsOf(settings: ModelSettings): Experts {
  const isSparseEverywhere = settings.size('decoder_sparse_step', 1) === 1 && !settings.lists('mlp_only_layers');
  if (!isSparseEverywhere) {
    throw new FleetError(
      'unsupported_model',
      'Layers without experts among those with them are not supported: decoder_sparse_step must be 1 and mlp_only_layers empty.',
      { param: 'decoder_sparse_step' },
    );
  }
  // Published files say num_experts, transformers 5 writes num_local_experts.
  const count = settings.size(settings.has('num_experts') ? 'num_experts' : 'num_local_experts');
  if (count > expertsMax) {
    throw new FleetError('unsupported_model', `num_experts is ${count}; at most ${expertsMax} are supported.`, {
      param: 'num_experts',
    });
  }
  const active = settings.size('num_experts_per_tok');
  if (active > count) {
    throw new FleetError('invalid_model', `num_experts_per_tok (${active}) must be at most num_experts (${count}).`, {
      param: 'num_experts_per_tok',
    });
  }
  // llama.cpp always makes them sum to 1 for this architecture, and its files do not say.
  const normalised = settings.flag('norm_topk_prob', settings.format === 'gguf');
  return { count, active, feedForwardSize: settings.size('moe_intermediate_size'), normalised };
}
