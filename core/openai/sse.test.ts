import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseDecoder, encodeSse, encodeSseComment, sseDone, sseEventBytesMax, type SseEvent } from './sse.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function decode(chunks: readonly Uint8Array[]): SseEvent[] {
  const decoder = new SseDecoder();
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()];
}

const data = (text: string): SseEvent => ({ event: 'message', data: text });

describe('an event stream', () => {
  it('gives back what was encoded', () => {
    expect(decode([bytes(encodeSse({ a: '你好\n' }) + encodeSseComment('wait') + sseDone)])).toEqual([
      data('{"a":"你好\\n"}'),
      data('[DONE]'),
    ]);
  });

  it.each([
    ['CRLF', 'data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n', ['a\nb', 'c']],
    ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['mixed', 'data: a\n\r\ndata: b\r\n\n', ['a', 'b']],
    ['no space after the colon', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['a field without a colon', 'data\n\ndata: b\n\n', ['', 'b']],
    ['comments and unknown fields', ': hi\nid: 7\nretry: 5\ndata: x\n\n', ['x']],
    ['a byte order mark', '\uFEFFdata: x\n\n', ['x']],
    ['blank lines alone', '\n\n\n', []],
    ['an event that never ended', 'data: lost', []],
  ])('reads %s', (_name, text, wanted) => {
    expect(decode([bytes(text)])).toEqual(wanted.map(data));
  });

  it('names the event when the peer does', () => {
    expect(decode([bytes('event: error\ndata: x\n\ndata: y\n\n')])).toEqual([{ event: 'error', data: 'x' }, data('y')]);
  });

  it('comes out the same however the bytes were split', () => {
    const text = 'data: 你好\r\n\r\nevent: e\rdata: 🙂\rdata: z\r\r: c\ndata: [DONE]\n\n';
    const whole = bytes(text);
    const wanted = decode([whole]);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        expect(decode(pieces)).toEqual(wanted);
      }),
    );
    expect(decode([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(wanted);
  });

  it('says when it was cut in the middle of an event', () => {
    const decoder = new SseDecoder();
    decoder.push(bytes('data: a\n\n'));
    expect(decoder.partial).toBe(false);
    decoder.push(bytes('data: b\n'));
    expect(decoder.partial).toBe(true);
  });

  it('refuses an event that is too large to be one', () => {
    const decoder = new SseDecoder();
    const chunk = bytes('x'.repeat(1024 * 1024));
    expect(() => {
      for (let sent = 0; sent <= sseEventBytesMax; sent += chunk.length) decoder.push(chunk);
    }).toThrow(RangeError);
  });

  it('takes any number of small events', () => {
    const decoder = new SseDecoder();
    const chunk = bytes(`data: ${'x'.repeat(64 * 1024)}\n\n`);
    for (let sent = 0; sent <= sseEventBytesMax * 2; sent += chunk.length) expect(decoder.push(chunk)).toHaveLength(1);
  });
});
