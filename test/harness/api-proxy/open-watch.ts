import type { ServerResponse } from 'node:http';

/** What the proxy does to the events of a watch. */
export type Mischief = { duplicate?: boolean; reorder?: boolean };

/** A watch that goes through the proxy: whole lines pass, unless they are told not to. */
export class OpenWatch {
  readonly path: string;
  readonly #response: ServerResponse;
  readonly #mischief: () => Mischief;
  #half = '';
  #held: string | undefined;
  #silent = false;

  constructor(path: string, response: ServerResponse, mischief: () => Mischief) {
    this.path = path;
    this.#response = response;
    this.#mischief = mischief;
  }

  /** Bytes from the server. */
  take(chunk: string): void {
    const lines = (this.#half + chunk).split('\n');
    this.#half = lines.pop() ?? '';
    for (const line of lines) if (line !== '') this.#pass(line);
  }

  /** A line that the server did not send. */
  inject(line: string): void {
    if (!this.#silent) this.#response.write(`${line}\n`);
  }

  /** Open to the eye, and never another byte. */
  silence(): void {
    this.#silent = true;
  }

  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }

  /** What the server says when the version it is asked to go on from is too old. */
  expire(): void {
    const object = {
      kind: 'Status',
      status: 'Failure',
      code: 410,
      reason: 'Expired',
      message: 'too old resource version',
    };
    this.inject(JSON.stringify({ type: 'ERROR', object }));
    this.#response.end();
  }

  end(): void {
    if (this.#held !== undefined) this.inject(this.#held);
    this.#held = undefined;
    if (!this.#silent) this.#response.end();
  }

  /** Reordering swaps each two events; the first of them waits for the second. */
  #pass(line: string): void {
    const { duplicate, reorder } = this.#mischief();
    if (reorder && this.#held === undefined) {
      this.#held = line;
      return;
    }
    const lines = this.#held === undefined ? [line] : [line, this.#held];
    this.#held = undefined;
    for (const each of lines) {
      this.inject(each);
      if (duplicate) this.inject(each);
    }
  }
}
