import { closeSync, openSync, writeSync } from 'node:fs';
import type { ExternalData } from './graph.ts';

const alignmentBytes = 4096;

/** The external data of a graph: written front to back, each piece aligned so that it can be mapped. */
export class DataFile {
  readonly #file: number;
  #position = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'wx');
  }

  get bytes(): number {
    return this.#position;
  }

  /** Writes pieces one after another as one tensor. */
  write(pieces: Iterable<ArrayBufferView>): ExternalData {
    const padding = (alignmentBytes - (this.#position % alignmentBytes)) % alignmentBytes;
    if (padding > 0) this.#append(new Uint8Array(padding));
    const offset = this.#position;
    for (const piece of pieces) this.#append(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
    return { offset, bytes: this.#position - offset };
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) done += writeSync(this.#file, bytes, done, Math.min(bytes.length - done, 1 << 28));
    this.#position += bytes.length;
  }
}
