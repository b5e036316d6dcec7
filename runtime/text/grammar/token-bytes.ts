import type { Tokenizer } from '../tokenizer.ts';

/**
 * The bytes of a vocabulary's tokens, read once each: a mask asks for thousands of them at a time. Those of a token are
 * `store[start] … store[end - 1]`; no view is made of them, which would cost more than to read them.
 */
export class TokenBytes {
  store: Uint8Array = new Uint8Array(64 * 1024);
  readonly #tokenizer: Pick<Tokenizer, 'bytesOf'>;
  /** By token; -1 until somebody asks. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #used = 0;

  constructor(tokenizer: Pick<Tokenizer, 'bytesOf' | 'vocabularySize'>) {
    this.#tokenizer = tokenizer;
    this.#starts = new Int32Array(tokenizer.vocabularySize).fill(-1);
    this.#ends = new Int32Array(tokenizer.vocabularySize);
  }

  startOf(token: number): number {
    const start = this.#starts[token] ?? 0;
    return start === -1 ? this.#read(token) : start;
  }

  /** After `startOf`. Equal to it for control tokens, and for rows of padding behind the vocabulary. */
  endOf(token: number): number {
    return this.#ends[token] ?? 0;
  }

  #read(token: number): number {
    const bytes = this.#tokenizer.bytesOf(token);
    const start = this.#used;
    this.#used += bytes.length;
    if (this.#used > this.store.length) {
      const larger = new Uint8Array(2 * this.#used);
      larger.set(this.store);
      this.store = larger;
    }
    this.store.set(bytes, start);
    this.#starts[token] = start;
    this.#ends[token] = this.#used;
    return start;
  }
}
