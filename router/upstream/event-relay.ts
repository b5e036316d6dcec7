import { sseEventBytesMax } from '@qwenfleet/core/openai/sse';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const doneLine = /(?:^|[\r\n])data: ?\[DONE\][\r\n]/;
const errorLine = /(?:^|\n)data: ?\{"error":/;
/** Found as bytes first, so that an ordinary chunk is never decoded. */
const marks = {
  done: Buffer.from('[DONE]'),
  error: Buffer.from('{"error":'),
  usage: Buffer.from('"completion_tokens"'),
};

/** That tokens are counted on their way. `hideUsage`: the client has not asked for the event of nothing but counts. */
export type Counting = { hideUsage: boolean };

/**
 * Passes the bytes of an event stream on in whole events, so that a stream which is cut inside of one can still be ended
 * well. Line ends may be LF or CRLF, and chunks may end anywhere. Nothing is parsed.
 */
export class EventRelay {
  /** What came after the last whole event. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #tail = '';
  #done = false;
  #failed = false;
  #usage: Buffer | undefined;
  #pieces = 0;
  readonly #counting: Counting | undefined;

  constructor(counting?: Counting) {
    this.#counting = counting;
  }

  /** Bytes that may go on now: up to the end of the last whole event. Throws a RangeError when an event is too large. */
  push(chunk: Uint8Array): Buffer {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const end = endOfLastEvent(bytes, this.#tail);
    if (end === 0) {
      this.#keep(bytes);
      return Buffer.alloc(0);
    }
    const head = bytes.subarray(0, end);
    const whole = this.#rest.length === 0 ? head : Buffer.concat([...this.#rest, head]);
    this.#rest = [];
    this.#restBytes = 0;
    this.#tail = '';
    this.#keep(bytes.subarray(end));
    return this.#look(whole);
  }

  /** The end of the body. What is left is passed on only when it is the line that ends a stream, its blank line missing. */
  end(): Buffer {
    const rest = Buffer.concat(this.#rest);
    const isDone = /^data: ?\[DONE\]\s*$/.test(rest.toString('latin1'));
    this.#done ||= isDone;
    return isDone ? rest : Buffer.alloc(0);
  }

  /** Did the stream end as it should? */
  get finished(): boolean {
    return this.#done;
  }

  /** Did the server report a failure in the stream itself? */
  get failed(): boolean {
    return this.#failed;
  }

  /** The last whole piece with token counts in it. */
  get usageText(): string | undefined {
    return this.#usage?.toString('utf8');
  }

  /** Events with text in them, where tokens are counted. */
  get pieces(): number {
    return this.#pieces;
  }

  #keep(bytes: Buffer): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes > sseEventBytesMax)
      throw new RangeError(`an event of the stream is larger than ${sseEventBytesMax} bytes`);
    if (bytes.length > 0) this.#rest.push(bytes);
    this.#tail = (this.#tail + bytes.subarray(-3).toString('latin1')).slice(-3);
  }

  #look(whole: Buffer): Buffer {
    if (whole.includes(marks.done)) this.#done ||= doneLine.test(whole.toString('latin1'));
    if (whole.includes(marks.error)) this.#failed ||= errorLine.test(whole.toString('latin1'));
    if (this.#counting) this.#pieces += eventsOf(whole).filter((event) => textMember.test(event)).length;
    if (!whole.includes(marks.usage)) return whole;
    this.#usage = whole;
    if (!this.#counting?.hideUsage) return whole;
    const shown = eventsOf(whole).filter((event) => !event.includes('"completion_tokens"') || !noChoices.test(event));
    return Buffer.from(shown.join(''), 'latin1');
  }
}

/** Byte by byte, so that they can be put together again as they were. */
const eventsOf = (whole: Buffer): string[] => whole.toString('latin1').split(/(?<=\n\r?\n)/);
const textMember = /"(?:content|reasoning|reasoning_content|text|arguments)": ?"(?!")/;
const noChoices = /"choices": ?\[\s*\]/;

/** Index after the last blank line, which may have begun in the bytes before; 0 when there is none. */
function endOfLastEvent(bytes: Buffer, before: string): number {
  const at = (index: number): number => (index >= 0 ? (bytes[index] ?? 0) : before.charCodeAt(before.length + index));
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    if (at(index) !== lineFeed) continue;
    const previous = at(index - 1) === carriageReturn ? index - 2 : index - 1;
    if (at(previous) === lineFeed) return index + 1;
  }
  return 0;
}
