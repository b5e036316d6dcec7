import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTermination, terminationText } from './termination.ts';

/** What a kubelet keeps of it. */
const bytesMax = 4096;

describe('the last words of a process', () => {
  it('come back as they were, and fit into what a kubelet keeps', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z_]{1,40}$/),
        fc.string({ unit: 'binary', maxLength: 5000 }),
        (code, message) => {
          const text = terminationText({ code, message });
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bytesMax);
          expect(parseTermination(text)).toEqual({ code, message: message.slice(0, 640) });
        },
      ),
    );
  });

  it('are read as far as they go when they were cut off', () => {
    const whole = JSON.stringify({ code: 'invalid_model', message: 'the tensor has another shape' });
    expect(parseTermination(whole.slice(0, -10))).toEqual({ code: 'invalid_model', message: 'the tensor has anoth' });
  });

  it.each([
    ['the end of a log', 'Traceback (most recent call last):\nValueError: no'],
    ['JSON of somebody else', '{"level":"error","message":"no"}'],
    ['a list', '[1]'],
    ['nothing', ''],
    ['no text', undefined],
  ])('are not %s', (_what, text) => {
    expect(parseTermination(text)).toBeUndefined();
  });
});
