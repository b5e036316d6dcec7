import { describeDecoder } from './decoder.ts';
import type { Family } from './family.ts';

/** Llama and its likes, SmolLM2 among them. */
export const llama: Family = {
  name: 'llama',
  task: 'generate',
  architectures: ['LlamaForCausalLM'],
  gguf: 'llama',
  describe: (settings) =>
    describeDecoder(settings, {
      queryKeyValueBias: settings.flag('attention_bias', false),
      queryKeyNorm: false,
      interleavedInGguf: true,
    }),
};
