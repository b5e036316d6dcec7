import type { Tokenizer } from './tokenizer.ts';

/** Tokens to text as they come: a character that is spread over several tokens appears with the last of them. */
export class Detokenizer {
  readonly #tokenizer: Pick<Tokenizer, 'bytesOf'>;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(tokenizer: Pick<Tokenizer, 'bytesOf'>) {
    this.#tokenizer = tokenizer;
  }

  push(token: number): string {
    return this.#decoder.decode(this.#tokenizer.bytesOf(token), { stream: true });
  }

  /** What was left of a character that never became whole: the replacement character, or nothing. */
  end(): string {
    return this.#decoder.decode();
  }
}
