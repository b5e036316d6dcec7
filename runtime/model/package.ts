import type { Encoder, Generator, LoadOptions } from '../backend/backend.ts';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';

/** What a model's files say of it, before any weight is read. Made by `readModel`. */
export type ModelPackage = {
  /** For people and for `/v1/models`: the checkpoint's own name, or its file's. */
  name: string;
  format: 'gguf' | 'safetensors';
  /** Our family name, such as `llama`, `qwen2`, `qwen3`, `bert`. */
  family: string;
  task: 'generate' | 'embed';
  vocabularySize: number;
  /** Tokens that the model was trained to read. */
  contextLength: number;
  /** GGUF key-values (`tokenizer.ggml.tokens` and so on); empty for safetensors. */
  metadata: ReadonlyMap<string, unknown>;
  /** Paths of the companions that exist: tokenizer.json, tokenizer_config.json, chat_template.jinja, generation_config.json. */
  companions: ReadonlyMap<string, string>;
  /** The files that the weights are in, in order. */
  weightsFiles: readonly string[];
};

/** A family's loader, as the runtime's main uses it: files in, a model in memory out. Implemented by `load.ts`. */
export type LoadModel = (
  model: ModelPackage,
  options: LoadOptions & { quantization: Quantization; cacheDir: string },
) => Promise<Generator | Encoder>;
