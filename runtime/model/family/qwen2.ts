import { describeDecoder } from './decoder.ts';
import type { Family } from './family.ts';

/** Qwen2 and Qwen2.5: Llama with biases on query, key and value. */
export const qwen2: Family = {
  name: 'qwen2',
  task: 'generate',
  architectures: ['Qwen2ForCausalLM'],
  gguf: 'qwen2',
  describe: (settings) =>
    describeDecoder(settings, { queryKeyValueBias: true, queryKeyNorm: false, interleavedInGguf: false }),
};
