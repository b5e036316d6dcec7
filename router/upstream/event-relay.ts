import { sseEventBytesMax } from '@qwenfleet/core/openai/sse';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const done = Buffer.from('[DONE]');
const usage = Buffer.from('"completion_tokens"');

/**
 * Passes the bytes of an event stream on in whole events, so that a stream which is cut inside of one can still be ended
 * well. Nothing is parsed but the chunk that carries the usage.
 */
export class EventRelay {
  #rest: Buffer = Buffer.alloc(0);
  #done = false;
  #usage: Buffer | undefined;

  /** Bytes that may go on now: up to the end of the last whole event. Throws a RangeError when an event is too large. */
  push(chunk: Uint8Array): Buffer {
    const bytes =
      this.#rest.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([this.#rest, chunk]);
    const end = endOfLastEvent(bytes);
    this.#rest = bytes.subarray(end);
    if (this.#rest.length > sseEventBytesMax)
      throw new RangeError(`an event of the stream is larger than ${sseEventBytesMax} bytes`);
    const whole = bytes.subarray(0, end);
    if (whole.includes(done)) this.#done = true;
    if (whole.includes(usage)) this.#usage = whole;
    return whole;
  }

  /** Did the stream end as it should? */
  get finished(): boolean {
    return this.#done;
  }

  /** The last whole piece with token counts in it. */
  get usageText(): string | undefined {
    return this.#usage?.toString('utf8');
  }
}

/** Index after the last blank line; line ends may be LF or CRLF. */
function endOfLastEvent(bytes: Buffer): number {
  for (let at = bytes.length - 1; at > 0; at -= 1) {
    if (bytes[at] !== lineFeed) continue;
    const before = bytes[at - 1] === carriageReturn ? at - 2 : at - 1;
    if (bytes[before] === lineFeed) return at + 1;
  }
  return 0;
}
