/** Text to tokens and back; implemented over the Hugging Face tokenizer in `hugging-face.ts`. */
export interface Tokenizer {
  readonly vocabularySize: number;
  /** @param specials read `<|im_start|>` and the like as control tokens: true for template output, false for text that a user wrote. */
  encode(text: string, specials: boolean): number[];
  decode(tokens: readonly number[]): string;
  /** The bytes of one token, also when they are half of a character. */
  bytesOf(token: number): Uint8Array;
  readonly eosTokens: ReadonlySet<number>;
}
