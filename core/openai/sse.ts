/** One event of a text/event-stream body (WHATWG HTML, section 9.2). */
export type SseEvent = { event: string; data: string };

/** An event larger than this is not a token: the decoder refuses it, so that a bad peer cannot fill the memory. */
export const sseEventBytesMax = 8 * 1024 * 1024;

/** The line that ends an OpenAI stream. */
export const sseDone = 'data: [DONE]\n\n';

/** Writes one value as an event. */
export const encodeSse = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** A comment line: keeps a connection warm, and every client ignores it. */
export const encodeSseComment = (text: string): string => `: ${text}\n\n`;

/**
 * Incremental decoder: feed it bytes as they arrive, split anywhere, also inside a character or between CR and LF.
 * Throws a RangeError when one event grows over `sseEventBytesMax`.
 */
export class SseDecoder {
  #decoder = new TextDecoder();
  #line = '';
  #data: string[] = [];
  #event = '';
  #pendingBytes = 0;
  #lastWasCarriageReturn = false;
  #atStart = true;

  /** Events completed by these bytes, in order. */
  push(bytes: Uint8Array): SseEvent[] {
    return this.#feed(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Call at the end of the body. An event without its blank line is dropped, as the standard says. */
  end(): SseEvent[] {
    return this.#feed(this.#decoder.decode());
  }

  /** True when the body ended in the middle of an event: the stream was cut. */
  get partial(): boolean {
    return this.#line !== '' || this.#data.length > 0;
  }

  #feed(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    let rest = this.#atStart && text.startsWith('\uFEFF') ? text.slice(1) : text;
    if (text !== '') this.#atStart = false;
    if (this.#lastWasCarriageReturn && rest.startsWith('\n')) rest = rest.slice(1);
    if (text !== '') this.#lastWasCarriageReturn = rest.endsWith('\r');
    this.#pendingBytes += rest.length;
    if (this.#pendingBytes > sseEventBytesMax) {
      throw new RangeError(`an event of the stream is larger than ${sseEventBytesMax} bytes`);
    }
    const lines = rest.split(/\r\n|\r|\n/);
    for (let index = 0; index < lines.length - 1; index += 1) {
      const done = this.#take(this.#line + (lines[index] ?? ''));
      this.#line = '';
      if (done) events.push(done);
    }
    this.#line += lines.at(-1) ?? '';
    return events;
  }

  #take(line: string): SseEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    return undefined;
  }

  #dispatch(): SseEvent | undefined {
    const event = { event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n') };
    const empty = this.#data.length === 0;
    this.#data = [];
    this.#event = '';
    this.#pendingBytes = 0;
    return empty ? undefined : event;
  }
}
