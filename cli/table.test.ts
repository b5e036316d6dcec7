import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatFigure, formatShare, spacedName } from './format.ts';
import { renderTable } from './table.ts';

describe('a table', () => {
  const columns = [{ title: 'POOL' }, { title: 'READY', align: 'right' as const }, { title: 'WHY', flexible: true }];

  it('aligns figures right, keeps empty cells, and has no trailing blanks', () => {
    expect(
      renderTable(
        columns,
        [
          ['small', '1/1', 'asked'],
          ['medium', '10/12', ''],
        ],
        80,
      ),
    ).toBe(['POOL    READY  WHY', 'small     1/1  asked', 'medium  10/12'].join('\n'));
  });

  it('shortens the column that gives way, and only that', () => {
    const long = 'queue 37 is over 16 for six seconds, so one more replica is on its way to help';
    const lines = renderTable(columns, [['a-pool-with-a-long-name', '1/1', long]], 60).split('\n');
    expect(lines[1]).toBe('a-pool-with-a-long-name    1/1  queue 37 is over 16 for six…');
    expect(lines[1]?.length).toBe(60);
  });

  it('counts Chinese characters as two columns', () => {
    const [head, first, second] = renderTable(
      [{ title: 'A' }, { title: 'B' }],
      [
        ['模型', 'x'],
        ['abcd', 'y'],
      ],
      80,
    ).split('\n');
    expect([head, first, second]).toEqual(['A     B', '模型  x', 'abcd  y']);
  });

  it('never is wider than asked, whatever the flexible column holds', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '7', '-', '型'), maxLength: 200 });
    fc.assert(
      fc.property(text, fc.integer({ min: 40, max: 120 }), (why, width) => {
        const lines = renderTable(columns, [['small', '1/1', why]], width).split('\n');
        for (const line of lines)
          expect(Array.from(line).reduce((sum, c) => sum + (c === '型' ? 2 : 1), 0)).toBeLessThanOrEqual(width);
        expect(lines).toHaveLength(2);
      }),
    );
  });
});

describe('figures', () => {
  it.each([
    [0, '0 ms'],
    [994.4, '994 ms'],
    [995, '1.0 s'],
    [9_949, '9.9 s'],
    [9_960, '10 s'],
    [119_000, '119 s'],
    [180_000, '3 min'],
  ])('%d ms is %s', (durationMs, text) => expect(formatDuration(durationMs)).toBe(text));

  it('are short', () => {
    expect([formatShare(0.914), formatFigure(0.25), formatFigure(1), formatFigure(3.22104)]).toEqual([
      '91 %',
      '0.25',
      '1',
      '3.22',
    ]);
    expect([spacedName('hasProofWords'), spacedName('step_words')]).toEqual(['has proof words', 'step words']);
  });
});
