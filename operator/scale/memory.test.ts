import { scalingMemoryLengthMax } from '@qwenfleet/crds/qwendeployment/status';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWindow, encodeWindow } from './memory.ts';
import { average, emptyWindow, maximum, record, type Window } from './window.ts';

const spanMs = 60_000;
const epochMs = 1_795_554_131_000;
const fed = (values: readonly number[], stepMs: number): { window: Window; nowMs: number } => {
  let window = emptyWindow(spanMs);
  values.forEach((value, at) => (window = record(window, value, at * stepMs)));
  return { window, nowMs: Math.max(0, (values.length - 1) * stepMs) };
};
const samples = fc.array(fc.nat(500), { minLength: 1, maxLength: 120 });
const steps = fc.integer({ min: 100, max: 4_000 });

describe('a window that is written down', () => {
  it('has the same averages in a process that counts time from elsewhere', () => {
    fc.assert(
      fc.property(samples, steps, fc.nat(10_000_000), fc.nat(90_000), (values, stepMs, newNowMs, laterMs) => {
        const { window, nowMs } = fed(values, stepMs);
        const text = encodeWindow(window, { nowMs, epochMs });
        const read = decodeWindow(text, spanMs, { nowMs: newNowMs, epochMs });
        expect(average(read, newNowMs + laterMs)).toBe(average(window, nowMs + laterMs));
        expect(maximum(read, newNowMs + laterMs)).toBe(maximum(window, nowMs + laterMs));
        const more = (at: Window, fromMs: number): number | undefined =>
          average(record(at, 77, fromMs + laterMs), fromMs + laterMs);
        expect(more(read, newNowMs)).toBe(more(window, nowMs));
      }),
      { seed: 5 },
    );
  });

  it('stays within what a status may hold, whatever the figures, and keeps the newest', () => {
    const { window, nowMs } = fed(
      Array.from({ length: 240 }, (_, at) => 9e9 + at / 7),
      250,
    );
    const text = encodeWindow(window, { nowMs, epochMs }) ?? '';
    expect(text.length).toBeLessThanOrEqual(scalingMemoryLengthMax);
    expect(maximum(decodeWindow(text, spanMs, { nowMs, epochMs }), nowMs)).toBe(maximum(window, nowMs));
  });

  it('ages while no process runs', () => {
    const { window, nowMs } = fed([10, 20, 30], 1_000);
    const text = encodeWindow(window, { nowMs, epochMs });
    expect(average(decodeWindow(text, spanMs, { nowMs: 0, epochMs: epochMs + spanMs + 2_000 }), 0)).toBeUndefined();
  });

  it.each([
    ['nothing', undefined],
    ['no text of ours', 'hello'],
    ['figures without sense', '1795554131000/1000:0,1,0,1;x'],
    ['another span', '1795554131000/500:0,1,1,1'],
  ])('is empty when it holds %s', (_what, text) => {
    expect(decodeWindow(text, spanMs, { nowMs: 0, epochMs })).toEqual(emptyWindow(spanMs));
  });

  it('ignores what a clock that was ahead put into the future', () => {
    const text = `${epochMs - 2_000}/1000:0,5,1,5;1,5,1,5;9,500,1,500`;
    expect(average(decodeWindow(text, spanMs, { nowMs: 0, epochMs }), 0)).toBe(5);
  });

  it('leaves nothing behind when it is empty', () => {
    expect(encodeWindow(emptyWindow(spanMs), { nowMs: 0, epochMs })).toBeUndefined();
  });
});
