import { describe, expect, it } from 'vitest';
import { compared } from './measure.ts';
import { renderRows } from './table.ts';

const found = new Map<'qwenfleet' | 'llama', number[]>([
  ['qwenfleet', [20, 40, 30]],
  ['llama', [10, 10, 60]],
]);

describe('what is compared', () => {
  it('is compared round by round, more tokens a second being the faster', () => {
    expect(compared({ kind: 'decode', size: 8 }, found)).toEqual({
      figures: { qwenfleet: { median: 30, min: 20, max: 40 }, llama: { median: 10, min: 10, max: 60 } },
      timesAsFast: { median: 2, min: 0.5, max: 4 },
    });
  });

  it('is the other way round for a start, which is in milliseconds', () => {
    expect(compared({ kind: 'start' }, found).timesAsFast).toEqual({ median: 0.5, min: 0.25, max: 2 });
  });

  it('has no ratio where there is no peer', () => {
    const alone = new Map([['qwenfleet' as const, [20]]]);
    expect(compared({ kind: 'prefill', size: 512 }, alone)).toEqual({
      figures: { qwenfleet: { median: 20, min: 20, max: 20 } },
    });
  });
});

describe('the table of runtimes', () => {
  it('has a row for each piece of work, and a dash for what was not there', () => {
    const one = { median: 20, min: 19, max: 21 };
    const row = { model: 'tiny', quantization: 'int8', figures: { qwenfleet: one } } as const;
    expect(
      renderRows([
        { ...row, kind: 'decode', size: 8, figures: { qwenfleet: one, llama: one }, timesAsFast: one },
        { ...row, kind: 'start' },
      ]),
    ).toBe(
      [
        'MODEL  IN    WORK                          QWENFLEET            LLAMA.CPP           TIMES AS FAST',
        'tiny   int8  decode 8, tokens/s  20.0 (19.0 to 21.0)  20.0 (19.0 to 21.0)  20.00 (19.00 to 21.00)',
        'tiny   int8  first token, ms           20 (19 to 21)                    –                       –',
      ].join('\n'),
    );
  });
});
