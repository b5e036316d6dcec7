/** Text to tokens and back; implemented over the Hugging Face tokenizer in `hugging-face.ts`. */
export interface Tokenizer {
  readonly vocabularySize: number;
  /** Tokens that end an answer. */
  readonly eosTokens: ReadonlySet<number>;
  /** Tokens that stand for a role or a turn and have no text of their own. */
  readonly controlTokens: ReadonlySet<number>;
  /**
   * @param specials read `<|im_start|>` and the like as control tokens: true for what a template wrote, false for what a
   *   user wrote.
   */
  encode(text: string, specials: boolean): number[];
  /** As the model was trained to be given one whole text, with what its post-processor puts around it (BERT). */
  encodeWhole(text: string): number[];
  /** The bytes of one token, also when they are half of a character; empty for control tokens. */
  bytesOf(token: number): Uint8Array;
}
