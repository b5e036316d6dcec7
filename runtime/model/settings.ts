import { FleetError } from '@qwenfleet/core/errors';

const numbersMax = 2 ** 31;

/** The hyperparameters of a checkpoint under Hugging Face's names, read with the field's name in every refusal. */
export class ModelSettings {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly format: 'gguf' | 'safetensors';

  constructor(format: 'gguf' | 'safetensors', values: ReadonlyMap<string, unknown>) {
    this.format = format;
    this.#values = values;
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
      `The model's configuration has ${name} = ${JSON.stringify(value) ?? 'nothing'}; it must be a positive whole number.`,
      { param: name },
    );
  }

  number(name: string, fallback?: number): number {
    const value = this.#values.get(name) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new FleetError(
      'invalid_model',
      `The model's configuration has ${name} = ${JSON.stringify(value) ?? 'nothing'}; it must be a number.`,
      { param: name },
    );
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#values.get(name) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw new FleetError(
      'invalid_model',
      `The model's configuration has ${name} = ${JSON.stringify(value)}; it must be true or false.`,
      { param: name },
    );
  }

  text(name: string, fallback: string): string {
    const value = this.#values.get(name) ?? fallback;
    return typeof value === 'string' ? value : fallback;
  }

  /**
   * Base of the rotary embedding: newer files have `rope_parameters`, published ones `rope_theta` and `rope_scaling`.
   * Throws `unsupported_model` for scaled variants.
   */
  ropeTheta(): number {
    const nested = [this.#values.get('rope_parameters'), this.#values.get('rope_scaling')].find(
      (value): value is Record<string, unknown> => typeof value === 'object' && value !== null,
    );
    const kind = nested?.['rope_type'] ?? nested?.['type'] ?? 'default';
    if (kind !== 'default') {
      throw new FleetError(
        'unsupported_model',
        `Rotary embeddings of type ${JSON.stringify(kind)} are not supported; only the default type is.`,
        { param: 'rope_scaling' },
      );
    }
    const nestedTheta = nested?.['rope_theta'];
    const theta = typeof nestedTheta === 'number' ? nestedTheta : this.number('rope_theta', 10_000);
    if (theta > 0 && Number.isFinite(theta)) return theta;
    throw new FleetError('invalid_model', `The model's configuration has rope_theta = ${theta}; it must be above 0.`, {
      param: 'rope_theta',
    });
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

/** The settings of a GGUF file. A scaled rotary embedding is passed on, so that it is refused like any other. */
export function ggufSettings(metadata: ReadonlyMap<string, unknown>, architecture: string): ModelSettings {
  const values = new Map<string, unknown>(
    ggufNames.map(([gguf, name]) => [name, metadata.get(`${architecture}.${gguf}`)]),
  );
  const scaling = metadata.get(`${architecture}.rope.scaling.type`);
  if (scaling !== undefined && scaling !== 'none') values.set('rope_scaling', { type: scaling });
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (Array.isArray(tokens)) values.set('vocab_size', tokens.length);
  return new ModelSettings('gguf', values);
}
