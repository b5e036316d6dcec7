import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];
type Input = Readable & { isTTY?: boolean };
type Output = Writable & { isTTY?: boolean; columns?: number };

/** Tables and paragraphs never get wider than this, so that they can be pasted into a mail or an issue. */
export const widthMax = 80;

/**
 * Where a command speaks: data on standard output, talk on standard error.
 * Colours follow the stream that a text is for, NO_COLOR and FORCE_COLOR.
 */
export class Terminal {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** True when standard output carries JSON and nothing else. */
  readonly json: boolean;

  constructor(streams: { stdin: Input; stdout: Output; stderr: Output }, json = false) {
    this.stdin = streams.stdin;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
    this.json = json;
  }

  get width(): number {
    const { columns } = this.stdout;
    // A terminal that does not know its size says that it has none.
    return columns === undefined || columns <= 0 ? widthMax : Math.min(widthMax, columns);
  }

  /** A line of data. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** One value as a line of JSON. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value));
  }

  /** A line for the person who watches; in JSON mode too, because it is not data. */
  talk(text: string): void {
    this.stderr.write(`${text}\n`);
  }

  /** Coloured for standard output. */
  style(format: Format, text: string): string {
    return styleText(format, text, { stream: this.stdout });
  }

  /** Coloured for standard error. */
  styleTalk(format: Format, text: string): string {
    return styleText(format, text, { stream: this.stderr });
  }
}

/** The terminal of this process. */
export const processTerminal = (json = false): Terminal =>
  new Terminal({ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }, json);
