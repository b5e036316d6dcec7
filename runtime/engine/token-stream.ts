import type { GeneratedToken, GenerationEnd } from './generation.ts';

type Item = { token: GeneratedToken } | { end: GenerationEnd } | { error: Error };

/**
 * Between the engine's loop, which never waits for a reader, and one reader. What it holds is bounded by the most tokens
 * that the request may produce.
 */
export class TokenStream {
  #items: Item[] = [];
  #wake: (() => void) | undefined;

  push(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Yields tokens as they come, returns how it ended, throws what it failed with. */
  async *read(): AsyncGenerator<GeneratedToken, GenerationEnd, void> {
    for (;;) {
      const items = this.#items;
      this.#items = [];
      for (const item of items) {
        if ('error' in item) throw item.error;
        if ('end' in item) return item.end;
        yield item.token;
      }
      if (this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
