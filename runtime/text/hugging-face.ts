import { Tokenizer as Library } from '@huggingface/tokenizers';
import { FleetError } from '@qwenfleet/core/errors';
import { bytesOfToken } from './byte-level.ts';
import type { TextFiles } from './model-files.ts';
import type { Tokenizer } from './tokenizer.ts';

const none = new Uint8Array();
const encoder = new TextEncoder();
/** The library opens vocabularies of anything; what they are worth shows when they are used. */
const anyText = 'probe';
/** Tokens that end a turn in the chat formats that we know, for files that name only the end of a text. */
const turnEnds = ['<|im_end|>', '<|endoftext|>', '<|eot_id|>'];

/** A tokenizer from a model's files. Throws `invalid_model` when the library cannot use them. */
export function openTokenizer(files: TextFiles): Tokenizer {
  try {
    const tokenizer = new HuggingFaceTokenizer(new Library(files.tokenizer, files.config), files);
    const tokens = tokenizer.encode(anyText, false);
    if (tokens.length === 0 || !tokens.every((token) => Number.isInteger(token) && token >= 0))
      throw new TypeError(`"${anyText}" has the tokens ${tokens.join()}`);
    return tokenizer;
  } catch (cause) {
    throw new FleetError('invalid_model', "The model's tokenizer.json cannot be used. Pull the model again.", {
      cause,
    });
  }
}

class HuggingFaceTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly eosTokens: ReadonlySet<number>;
  readonly controlTokens: ReadonlySet<number>;
  readonly #library: Library;
  /** Where a text has to be cut so that no added token is left in it; undefined when the vocabulary has none. */
  readonly #specials: RegExp | undefined;
  readonly #added: ReadonlyMap<number, string>;
  readonly #writing: Writing;

  constructor(library: Library, { tokenizer, config, generation }: TextFiles) {
    this.#library = library;
    this.#writing = writingOf(tokenizer['decoder']);
    const added = [...library.get_added_tokens_decoder()];
    this.#added = new Map(added.map(([id, token]) => [id, token.content]));
    this.vocabularySize = library.get_vocab(true).size;
    this.controlTokens = new Set(added.filter(([, token]) => token.special).map(([id]) => id));
    this.#specials = cutsInside(added.map(([, token]) => token.content));
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
    const pieces = text.split(this.#specials).flatMap((piece) => (piece === '' ? [] : [piece]));
    return pieces.flatMap((piece) => this.#library.encode(piece, plain).ids);
  }

  encodeWhole(text: string): number[] {
    return this.#library.encode(text, { add_special_tokens: true }).ids;
  }

  bytesOf(token: number): Uint8Array {
    if (this.controlTokens.has(token)) return none;
    const added = this.#added.get(token);
    // Written as it is, where the others stand for bytes.
    if (added !== undefined) return encoder.encode(added);
    const text = this.#library.id_to_token(token);
    return text === undefined ? none : this.#writing(text);
  }
}

/** How the tokens of a vocabulary are written, as bytes of text. */
type Writing = (token: string) => Uint8Array;

const byteLevel: Writing = (token) => bytesOfToken(token) ?? encoder.encode(token);

/** SentencePiece (arXiv 1808.06226): a space is U+2581, a byte that no piece has is `<0x0A>`. */
const pieces: Writing = (token) => {
  const [, byte] = /^<0x([0-9A-F]{2})>$/.exec(token) ?? [];
  return byte === undefined
    ? encoder.encode(token.replaceAll('\u2581', ' '))
    : Uint8Array.of(Number.parseInt(byte, 16));
};

function writingOf(decoder: unknown): Writing {
  if (typeof decoder !== 'object' || decoder === null) return byteLevel;
  const { type, decoders } = decoder as { type?: unknown; decoders?: unknown };
  if (Array.isArray(decoders)) return decoders.some((each) => writingOf(each) === pieces) ? pieces : byteLevel;
  return type === 'ByteFallback' || type === 'Metaspace' ? pieces : byteLevel;
}

/**
 * Finds the places behind the first character of each of the words: a text that is cut there has none of them left whole.
 * A word of one character cannot be cut.
 */
export function cutsInside(words: readonly string[]): RegExp | undefined {
  const restsOf = new Map<string, string[]>();
  for (const word of words) {
    const [first = '', ...rest] = word;
    if (rest.length > 0) restsOf.set(first, [...(restsOf.get(first) ?? []), rest.join('')]);
  }
  const cuts = [...restsOf].map(([first, rests]) => `(?<=${escaped(first)})(?=${rests.map(escaped).join('|')})`);
  return cuts.length === 0 ? undefined : new RegExp(cuts.join('|'), 'gu');
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
