import { FleetError } from '@qwenfleet/core/errors';
import { ggufPooling } from './pooling.ts';

const numbersMax = 2 ** 31;

/** The hyperparameters of a checkpoint under Hugging Face's names, read with the field's name in every refusal. */
export class ModelSettings {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #path: string;
  readonly format: 'gguf' | 'safetensors';

  /** @param path of an object within the configuration, as refusals name it; ends with a dot. */
  constructor(format: 'gguf' | 'safetensors', values: ReadonlyMap<string, unknown>, path = '') {
    this.format = format;
    this.#values = values;
    this.#path = path;
  }

  has(name: string): boolean {
    return this.#values.get(name) !== undefined && this.#values.get(name) !== null;
  }

  /** A positive whole number. */
  size(name: string, fallback?: number): number {
    const value = this.#values.get(name) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < numbersMax) return value;
    throw new FleetError(
      'invalid_model',
      `The model's configuration has ${this.#path}${name} = ${JSON.stringify(value) ?? 'nothing'}; it must be a positive whole number.`,
      { param: this.#path + name },
    );
  }

  number(name: string, fallback?: number): number {
    const value = this.#values.get(name) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new FleetError(
      'invalid_model',
      `The model's configuration has ${this.#path}${name} = ${JSON.stringify(value) ?? 'nothing'}; it must be a number.`,
      { param: this.#path + name },
    );
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#values.get(name) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw new FleetError(
      'invalid_model',
      `The model's configuration has ${this.#path}${name} = ${JSON.stringify(value)}; it must be true or false.`,
      { param: this.#path + name },
    );
  }

  text(name: string, fallback: string): string {
    const value = this.#values.get(name) ?? fallback;
    return typeof value === 'string' ? value : fallback;
  }

  /** One of these words. */
  oneOf<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.#values.get(name) ?? fallback;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw new FleetError(
      'unsupported_model',
      `The model's configuration has ${this.#path}${name} = ${JSON.stringify(value)}; these are supported: ${words.join(', ')}.`,
      { param: this.#path + name },
    );
  }

  /** Whether there is a list with something in it. */
  lists(name: string): boolean {
    const value = this.#values.get(name);
    return Array.isArray(value) && value.length > 0;
  }

  /** The settings of an object within; undefined when there is none. */
  nested(name: string): ModelSettings | undefined {
    const value = this.#values.get(name);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return new ModelSettings(this.format, new Map(Object.entries(value)), `${this.#path}${name}.`);
  }
}

/** GGUF keys, after the architecture's prefix, under Hugging Face's names. */
const ggufNames: readonly (readonly [gguf: string, name: string])[] = [
  ['block_count', 'num_hidden_layers'],
  ['context_length', 'max_position_embeddings'],
  ['embedding_length', 'hidden_size'],
  ['feed_forward_length', 'intermediate_size'],
  ['attention.head_count', 'num_attention_heads'],
  ['attention.head_count_kv', 'num_key_value_heads'],
  ['attention.key_length', 'head_dim'],
  ['attention.layer_norm_rms_epsilon', 'rms_norm_eps'],
  ['rope.freq_base', 'rope_theta'],
  ['vocab_size', 'vocab_size'],
];

/** The same of a scaled rotary embedding, after `rope.scaling`. */
const ggufScaling: readonly (readonly [gguf: string, name: string])[] = [
  ['factor', 'factor'],
  ['original_context_length', 'original_max_position_embeddings'],
  ['yarn_beta_fast', 'beta_fast'],
  ['yarn_beta_slow', 'beta_slow'],
  ['attn_factor', 'attn_factor'],
  ['yarn_attn_factor', 'yarn_attn_factor'],
  ['yarn_ext_factor', 'yarn_ext_factor'],
];

/**
 * The settings of a GGUF file.
 * @param own keys that only this family has
 */
export function ggufSettings(
  metadata: ReadonlyMap<string, unknown>,
  architecture: string,
  own: readonly (readonly [gguf: string, name: string])[] = [],
): ModelSettings {
  const values = new Map<string, unknown>(
    [...ggufNames, ...own].map(([gguf, name]) => [name, metadata.get(`${architecture}.${gguf}`)]),
  );
  const scaling = metadata.get(`${architecture}.rope.scaling.type`);
  if (scaling !== undefined && scaling !== 'none') {
    const given = ggufScaling.map(([gguf, name]) => [name, metadata.get(`${architecture}.rope.scaling.${gguf}`)]);
    values.set('rope_scaling', { type: scaling, ...Object.fromEntries(given) });
  }
  values.set('eos_token_id', metadata.get('tokenizer.ggml.eos_token_id'));
  for (const [name, value] of Object.entries(ggufPooling(metadata.get(`${architecture}.pooling_type`)) ?? {}))
    values.set(name, value);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (Array.isArray(tokens)) values.set('vocab_size', tokens.length);
  return new ModelSettings('gguf', values);
}
