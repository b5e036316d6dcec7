import { describe, expect, it } from 'vitest';
import { promiseLines } from './document.ts';
import { measures } from './measures.ts';
import { holds, parseTarget, showTarget } from './promise.ts';
import { ageOf, recorded } from './record.ts';

const lines = promiseLines();

describe('docs/promises.md', () => {
  it('has promises, each id once', () => {
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(new Set(lines.map(({ id }) => id)).size).toBe(lines.length);
  });

  it.each(lines)('$id has a measure, or was measured by its own command', ({ id, area, command }) => {
    const live = measures[id] !== undefined;
    expect(live || recorded(id) !== undefined).toBe(true);
    if (live) expect(command).toBe(`npm run promises -- --area ${area}`);
    else expect(command).toMatch(/^npm run /);
  });

  it('promises everything that is measured', () => {
    const promised = lines.map(({ id }) => id);
    expect(Object.keys(measures).filter((id) => !promised.includes(id))).toEqual([]);
  });
});

describe('a target', () => {
  it.each([
    ['<= 5 s', 5, 5.01],
    ['>= 0.5', 0.5, 0.49],
    ['= 0', 0, 1],
  ])('of %s holds for %d and not for %d', (text, good, bad) => {
    const target = parseTarget(text);
    expect(showTarget(target)).toBe(text);
    expect([holds(target, good), holds(target, bad), holds(target, Number.NaN)]).toEqual([true, false, false]);
  });

  it.each(['5 s', '< 5', '<= five', ''])('such as %j is none', (text) => {
    expect(() => parseTarget(text)).toThrow(/not a target/);
  });
});

describe('a document', () => {
  const row = (id: string): string => `| id |\n|---|\n| \`${id}\` | words | \`<= 1 s\` | \`npm run x\` |\n`;

  it('gives the rows of its tables that begin with an id', () => {
    expect(promiseLines(row('fleet.x-seconds'))).toEqual([
      {
        id: 'fleet.x-seconds',
        area: 'fleet',
        text: 'words',
        target: { operator: '<=', value: 1, unit: 's' },
        command: 'npm run x',
      },
    ]);
  });

  it('with an area that there is not is refused by name', () => {
    expect(() => promiseLines(row('kitchen.x'))).toThrow(/kitchen\.x.*fleet/);
  });
});

describe('the age of a measurement', () => {
  const kept = { value: 1, date: '2026-01-01T00:00:00Z', commit: 'abc' };
  it.each([
    [2, '2h'],
    [47, '47h'],
    [72, '3d'],
  ])('of %d hours reads %s', (hours, words) => {
    expect(ageOf(kept, Date.parse(kept.date) + hours * 3_600_000)).toBe(words);
  });
});
