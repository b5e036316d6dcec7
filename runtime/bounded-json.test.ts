import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBounded, parseBoundedObject } from './bounded-json.ts';

const parse = (text: string): unknown => parseBounded(text, 'a.json');

describe('a file of JSON', () => {
  it('says what it would say without bounds', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('may have any brackets and quotes in its texts', () => {
    for (const text of ['['.repeat(1_000), String.raw`\"[`.repeat(100), `${'\\'.repeat(7)}"{{`, '\\'])
      expect(parse(JSON.stringify([text, { [text]: 1 }]))).toEqual([text, { [text]: 1 }]);
  });

  it('nests as deep as 64 levels, and no deeper', () => {
    const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(() => parse(deep(64))).not.toThrow();
    expect(() => parse(deep(65))).toThrow('a.json nests deeper than 64 levels');
    expect(() => parse('['.repeat(64 * 2 ** 20))).toThrow('a.json nests deeper than 64 levels');
  });

  it('has so many objects, lists and values, and no more', () => {
    const objects = (count: number): string => `[${'{},'.repeat(count - 2)}{}]`;
    expect(parse(objects(1_000_000))).toHaveLength(999_999);
    expect(() => parse(objects(1_000_001))).toThrow('more than 1000000 objects and lists');
    expect(() => parse(`[${'0,'.repeat(4_000_001)}0]`)).toThrow('more than 4000000 values');
  });

  it('is refused by its name when it is none', () => {
    for (const text of ['', '[1', '{"a', String.raw`"\"`, '{]', 'NaN'])
      expect(() => parse(text)).toThrow('a.json is not valid JSON. Pull the model again.');
    expect(() => parseBoundedObject('[]', 'a.json', 'adapter')).toThrow(
      'a.json is not a JSON object. Pull the adapter',
    );
  });
});
