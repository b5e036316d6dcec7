import { encodeSse, sseDone, sseEventBytesMax } from '@qwenfleet/core/openai/sse';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventRelay } from './event-relay.ts';

const text = [
  encodeSse({ choices: [{ delta: { content: '你好, wörld 👋🏽' } }] }),
  ': keep-alive\r\n\r\n',
  'data: {"choices":[]}\r\n\r\n',
  encodeSse({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } }),
  sseDone,
].join('');
const bytes = Buffer.from(text);

function relayed(chunks: readonly Uint8Array[]): { out: Buffer; relay: EventRelay; pieces: Buffer[] } {
  const relay = new EventRelay();
  const pieces = [...chunks.map((chunk) => relay.push(chunk)), relay.end()];
  return { out: Buffer.concat(pieces), relay, pieces };
}

const cutAt = (of: Buffer, cuts: readonly number[]): Buffer[] => {
  const sorted = [...new Set(cuts.map((cut) => cut % (of.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...sorted].map((from, at) => of.subarray(from, sorted[at] ?? of.length));
};

describe('a stream that is relayed', () => {
  it('is the same bytes wherever it is split, inside of characters and line ends too', () => {
    for (let at = 0; at <= bytes.length; at += 1) {
      const { out, relay } = relayed([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(out.equals(bytes), `split at ${at}`).toBe(true);
      expect(relay.finished).toBe(true);
      expect(relay.usageText).toContain('"completion_tokens":2');
    }
  });

  it('is the same bytes in any number of pieces, each of them whole events', () => {
    const event = fc.oneof(
      fc.string({ unit: 'binary' }).map((content) => encodeSse({ content })),
      fc.string().map((content) => `data: ${JSON.stringify(content)}\r\n\r\n`),
      fc.constant(': ping\n\n'),
    );
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat(5_000)), (events, cuts) => {
        const whole = Buffer.from(events.join('') + sseDone);
        const { out, pieces, relay } = relayed(cutAt(whole, cuts));
        expect(out.equals(whole)).toBe(true);
        expect(relay.finished).toBe(true);
        for (const piece of pieces) if (piece.length > 0) expect(piece.toString('latin1')).toMatch(/\n\r?\n$/);
      }),
      { numRuns: 300 },
    );
  });

  it('never ends in half an event, however it is cut', () => {
    for (let at = 0; at < bytes.length - 14; at += 1) {
      const { out, relay } = relayed([bytes.subarray(0, at)]);
      expect(bytes.subarray(0, out.length).equals(out)).toBe(true);
      expect(out.length === 0 || /\n\r?\n$/.test(out.toString('latin1'))).toBe(true);
      expect(relay.finished, `cut at ${at}`).toBe(false);
    }
  });
});

describe('the end of a stream', () => {
  it.each(['data: [DONE]\n\n', 'data: [DONE]\r\n\r\n', 'data:[DONE]\n\n', 'data: [DONE]\n', 'data: [DONE]'])(
    'is %j',
    (end) => {
      const { out, relay } = relayed([Buffer.from(`data: {}\n\n${end}`)]);
      expect(relay.finished).toBe(true);
      expect(out.toString()).toBe(`data: {}\n\n${end}`);
    },
  );

  it.each([
    ['a model that writes [DONE]', encodeSse({ choices: [{ delta: { content: 'data: [DONE]\n\n' } }] })],
    ['a comment', ': data: [DONE]\n\n'],
    ['nothing', ''],
  ])('is not %s', (_name, sent) => {
    expect(relayed([Buffer.from(sent)]).relay.finished).toBe(false);
  });
});

describe('a failure that the server reports in the stream', () => {
  it('is seen', () => {
    expect(relayed([Buffer.from(encodeSse({ error: { message: 'no' } }) + sseDone)]).relay.failed).toBe(true);
  });

  it('is not a model that writes about one', () => {
    const content = 'data: {"error":1}\n\ndata: {"error": {}}';
    expect(relayed([Buffer.from(encodeSse({ choices: [{ delta: { content } }] }) + sseDone)]).relay.failed).toBe(false);
  });
});

describe('an event that never ends', () => {
  it('is refused one byte beyond the bound, and passes at it', () => {
    const relay = new EventRelay();
    const step = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < sseEventBytesMax; sent += step.length) expect(relay.push(step)).toHaveLength(0);
    expect(() => relay.push(Buffer.from('x'))).toThrow(RangeError);
  });

  it('costs no more for coming byte by byte', () => {
    const relay = new EventRelay();
    for (let index = 0; index < 300_000; index += 1) relay.push(Buffer.from('x'));
    expect(relay.push(Buffer.from('\n\n'))).toHaveLength(300_002);
  });
});
