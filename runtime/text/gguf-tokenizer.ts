import { FleetError } from '@qwenfleet/core/errors';

type Json = Record<string, unknown>;

/** A tokenizer in the words of the Hugging Face files. */
export type TokenizerFiles = { tokenizer: Json; config: Json };

const byteLevel = (useRegex: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const split = (regex: string): Json => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});
const sequence = (...pretokenizers: Json[]): Json => ({ type: 'Sequence', pretokenizers });

/** How a text is cut before pairs are merged: llama.cpp's names (`llm_tokenizer_bpe`), as the original tokenizers do it. */
const preTokenizers: Readonly<Record<string, { normalizer: Json | null; pre: Json }>> = {
  'gpt-2': { normalizer: null, pre: byteLevel(true) },
  default: { normalizer: null, pre: byteLevel(true) },
  smollm: { normalizer: null, pre: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)) },
  'llama-bpe': {
    normalizer: null,
    pre: sequence(
      split(
        String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
      ),
      byteLevel(false),
    ),
  },
  qwen2: {
    normalizer: { type: 'NFC' },
    pre: sequence(
      split(
        String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
      ),
      byteLevel(false),
    ),
  },
};

/** `tokenizer.ggml.token_type`: ggml's gguf.md. */
const controlType = 3;
const userDefinedType = 4;

/**
 * The tokenizer that a GGUF file carries, as the files that Hugging Face's library reads.
 * Throws `invalid_model` when the file has none, `unsupported_model` for kinds other than byte-level BPE.
 */
export function ggufTokenizer(metadata: ReadonlyMap<string, unknown>): TokenizerFiles {
  const kind = metadata.get('tokenizer.ggml.model');
  if (kind !== 'gpt2') {
    throw new FleetError(
      'unsupported_model',
      `tokenizer.ggml.model is ${JSON.stringify(kind)}; only byte-level BPE ("gpt2") is read from GGUF files.`,
    );
  }
  const given = metadata.get('tokenizer.ggml.pre');
  const name = typeof given === 'string' ? given : 'default';
  const known = Object.hasOwn(preTokenizers, name) ? preTokenizers[name] : undefined;
  if (!known) {
    throw new FleetError(
      'unsupported_model',
      `tokenizer.ggml.pre is "${name}"; known are ${Object.keys(preTokenizers).join(', ')}.`,
    );
  }
  const tokens = strings(metadata, 'tokenizer.ggml.tokens');
  const types = numbers(metadata, 'tokenizer.ggml.token_type');
  const added = tokens.flatMap((content, id) =>
    types[id] === controlType || types[id] === userDefinedType
      ? [addedToken(id, content, types[id] === controlType)]
      : [],
  );
  const tokenAt = (key: string): string | undefined => tokens[Number(metadata.get(key) ?? -1)];
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: added,
      normalizer: known.normalizer,
      pre_tokenizer: known.pre,
      post_processor: null,
      decoder: byteLevel(true),
      model: {
        type: 'BPE',
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: strings(metadata, 'tokenizer.ggml.merges'),
        byte_fallback: false,
        ignore_merges: name === 'llama-bpe',
      },
    },
    config: {
      bos_token: tokenAt('tokenizer.ggml.bos_token_id') ?? null,
      eos_token: tokenAt('tokenizer.ggml.eos_token_id') ?? null,
      add_bos_token: metadata.get('tokenizer.ggml.add_bos_token') === true,
      chat_template: metadata.get('tokenizer.chat_template'),
    },
  };
}

const addedToken = (id: number, content: string, special: boolean): Json => ({
  id,
  content,
  special,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

function strings(metadata: ReadonlyMap<string, unknown>, key: string): string[] {
  const value = metadata.get(key);
  if (Array.isArray(value) && value.every((entry): entry is string => typeof entry === 'string')) return value;
  throw new FleetError('invalid_model', `${key} is missing from the GGUF file, or is no list of strings.`);
}

function numbers(metadata: ReadonlyMap<string, unknown>, key: string): number[] {
  const value = metadata.get(key) ?? [];
  return Array.isArray(value) ? value.map(Number) : [];
}
