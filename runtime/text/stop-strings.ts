/** Finds the first of several strings in a text that arrives in pieces, and never shows a part of it. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  #rest = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  /** What may be shown now. Text that could be the beginning of a stop string waits for the next piece. */
  push(piece: string): { text: string; stopped: boolean } {
    const text = this.#held + piece;
    const found = this.#stops
      .map((stop) => ({ at: text.indexOf(stop), length: stop.length }))
      .filter(({ at }) => at >= 0)
      .reduce<{ at: number; length: number } | undefined>((so, hit) => (so && so.at <= hit.at ? so : hit), undefined);
    if (found) {
      this.#held = '';
      this.#rest = text.slice(found.at + found.length);
      return { text: text.slice(0, found.at), stopped: true };
    }
    const heldLength = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - heldLength);
    return { text: text.slice(0, text.length - heldLength), stopped: false };
  }

  /** What came after the stop string, in the piece that completed it. */
  rest(): string {
    return this.#rest;
  }

  /** What waited and turned out to be no stop string. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Length of the longest end of `text` that is a proper beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
