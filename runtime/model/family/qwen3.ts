import { describeDecoder } from './decoder.ts';
import type { Family } from './family.ts';

/** Qwen3: no biases; each head of query and key is normalised. */
export const qwen3: Family = {
  name: 'qwen3',
  task: 'generate',
  architectures: ['Qwen3ForCausalLM'],
  gguf: 'qwen3',
  describe: (settings) =>
    describeDecoder(settings, {
      queryKeyValueBias: settings.flag('attention_bias', false),
      queryKeyNorm: true,
      interleavedInGguf: false,
    }),
};
