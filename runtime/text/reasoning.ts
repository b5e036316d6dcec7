import { StopStrings } from './stop-strings.ts';

const opening = '<think>';
const closing = '</think>';

export type SplitText = { content: string; reasoning: string };

/** Separates what a model thinks (between `<think>` and `</think>`, Qwen3's form) from what it answers. */
export class ReasoningSplit {
  #phase: 'before' | 'thinking' | 'answering' = 'before';
  readonly #finder = new StopStrings([closing]);
  #start = '';
  /** The line ends after `</think>` belong to neither. */
  #trimming = false;

  /** @param thinks the prompt has opened the thinking already (Qwen3's thinking-only models). */
  constructor(thinks = false) {
    if (!thinks) return;
    this.#phase = 'thinking';
    this.#trimming = true;
  }

  get thinking(): boolean {
    return this.#phase === 'thinking';
  }

  push(piece: string): SplitText {
    if (this.#phase === 'before') return this.#begin(piece);
    if (this.#phase === 'thinking') return this.#think(piece);
    return { content: this.#trimmed(piece), reasoning: '' };
  }

  end(): SplitText {
    if (this.#phase === 'before') return { content: this.#start, reasoning: '' };
    return { content: '', reasoning: this.#phase === 'thinking' ? this.#finder.end() : '' };
  }

  /** Only an answer that begins with `<think>` is thought; one that mentions it later is an answer. */
  #begin(piece: string): SplitText {
    this.#start += piece;
    const text = this.#start.trimStart();
    if (text.length < opening.length && opening.startsWith(text)) return { content: '', reasoning: '' };
    if (!text.startsWith(opening)) {
      this.#phase = 'answering';
      return { content: this.#start, reasoning: '' };
    }
    this.#phase = 'thinking';
    this.#trimming = true;
    return this.#think(text.slice(opening.length));
  }

  #think(piece: string): SplitText {
    const { text, stopped } = this.#finder.push(piece);
    const reasoning = this.#trimmed(text);
    if (!stopped) return { content: '', reasoning };
    this.#phase = 'answering';
    this.#trimming = true;
    return { content: this.#trimmed(this.#finder.rest()), reasoning };
  }

  #trimmed(text: string): string {
    if (!this.#trimming) return text;
    const rest = text.replace(/^\n+/, '');
    if (rest !== '') this.#trimming = false;
    return rest;
  }
}
