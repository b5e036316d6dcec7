import { Tokenizer as Library } from '@huggingface/tokenizers';
import { FleetError } from '@qwenfleet/core/errors';
import { bytesOfToken } from './byte-level.ts';
import type { TextFiles } from './model-files.ts';
import type { Tokenizer } from './tokenizer.ts';

const none = new Uint8Array();
/** Tokens that end a turn in the chat formats that we know, for files that name only the end of a text. */
const turnEnds = ['<|im_end|>', '<|endoftext|>', '<|eot_id|>'];

/** A tokenizer from a model's files. Throws `invalid_model` when the library cannot use them. */
export function openTokenizer(files: TextFiles): Tokenizer {
  let library: Library;
  try {
    library = new Library(files.tokenizer, files.config);
  } catch (cause) {
    throw new FleetError('invalid_model', "The model's tokenizer cannot be read.", { cause });
  }
  return new HuggingFaceTokenizer(library, files);
}

class HuggingFaceTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly eosTokens: ReadonlySet<number>;
  readonly controlTokens: ReadonlySet<number>;
  readonly #library: Library;
  /** Finds every added token inside a text; undefined when the vocabulary has none. */
  readonly #specials: RegExp | undefined;
  readonly #encoder = new TextEncoder();

  constructor(library: Library, { config, generation }: TextFiles) {
    this.#library = library;
    const added = [...library.get_added_tokens_decoder()];
    this.vocabularySize = library.get_vocab(true).size;
    this.controlTokens = new Set(added.filter(([, token]) => token.special).map(([id]) => id));
    this.#specials = anyOf(added.map(([, token]) => token.content));
    this.eosTokens = new Set([
      ...idsOf(generation['eos_token_id']),
      ...[contentOf(config['eos_token']), ...turnEnds].flatMap((text) => {
        const id = text === undefined ? undefined : library.token_to_id(text);
        return id === undefined ? [] : [id];
      }),
    ]);
  }

  encode(text: string, specials: boolean): number[] {
    const plain = { add_special_tokens: false };
    if (specials || !this.#specials) return this.#library.encode(text, plain).ids;
    // Cut after the first character of what looks like a control token: no piece is one, and nothing is lost.
    const pieces = text.split(this.#specials).flatMap((piece) => (piece === '' ? [] : [piece]));
    return pieces.flatMap((piece) => this.#library.encode(piece, plain).ids);
  }

  encodeWhole(text: string): number[] {
    return this.#library.encode(text, { add_special_tokens: true }).ids;
  }

  bytesOf(token: number): Uint8Array {
    if (this.controlTokens.has(token)) return none;
    const text = this.#library.id_to_token(token);
    if (text === undefined) return none;
    return bytesOfToken(text) ?? this.#encoder.encode(text);
  }
}

/** Splits a text one character into each of the words, so that none of them is left whole. */
function anyOf(words: readonly string[]): RegExp | undefined {
  const cuts = words
    .filter((word) => word.length > 1)
    .toSorted((a, b) => b.length - a.length)
    .map((word) => `(?<=${escaped(word.slice(0, 1))})(?=${escaped(word.slice(1))})`);
  return cuts.length === 0 ? undefined : new RegExp(cuts.join('|'), 'u');
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);

const idsOf = (value: unknown): number[] => [value].flat().filter((id): id is number => typeof id === 'number');

/** A token of tokenizer_config.json: its text, or an object that has it. */
export function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'content' in value && typeof value.content === 'string')
    return value.content;
  return undefined;
}
