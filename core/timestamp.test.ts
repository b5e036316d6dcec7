import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochMsOf, momentOf, stampOf, timestampOf } from './timestamp.ts';

const epochs = fc.integer({ min: 0, max: 4_000_000_000_000 });

describe('a moment in a status', () => {
  it('is RFC 3339, and reads back to the millisecond', () => {
    expect(timestampOf(1_795_554_131_000)).toBe('2026-11-24T21:02:11.000Z');
    fc.assert(fc.property(epochs, (epochMs) => epochMsOf(timestampOf(epochMs)) === epochMs));
  });

  it('means the same after a restart, whatever the new process counts from', () => {
    const origins = fc.integer({ min: 0, max: 1_000_000_000 });
    fc.assert(
      fc.property(epochs, origins, origins, fc.nat(86_400_000), (epochMs, nowMs, newNowMs, agoMs) => {
        const text = stampOf(nowMs - agoMs, { nowMs, epochMs });
        return momentOf(text, { nowMs: newNowMs, epochMs }) === newNowMs - agoMs;
      }),
    );
  });

  it('from a clock that is ahead is now', () => {
    expect(momentOf(timestampOf(9_000), { nowMs: 50, epochMs: 5_000 })).toBe(50);
  });

  it('that is no time is none', () => {
    expect(epochMsOf('yesterday')).toBeUndefined();
    expect(momentOf(undefined, { nowMs: 0, epochMs: 0 })).toBeUndefined();
  });
});
