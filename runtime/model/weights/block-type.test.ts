import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ggufTypes } from './block-type.ts';

type Case = { type: number; name: string; bytes: string; values: number[] };
const cases = JSON.parse(readFileSync(new URL('fixtures/blocks.json', import.meta.url), 'utf8')) as Case[];

describe('blocks of a GGUF file', () => {
  it('are covered, every type that we read', () => {
    expect(cases.map(({ type }) => type).toSorted((a, b) => a - b)).toEqual(
      [...ggufTypes.keys()].toSorted((a, b) => a - b),
    );
  });

  it.each(cases)('of type $name decode as llama.cpp decodes them', ({ type, bytes, values }) => {
    const raw = new Uint8Array(Buffer.from(bytes, 'base64'));
    const decoded = new Float32Array(values.length);
    ggufTypes.get(type)?.decode(raw, decoded);
    const scale = Math.max(...values.map(Math.abs));
    for (const [at, value] of values.entries())
      expect(Math.abs((decoded[at] ?? NaN) - value)).toBeLessThan(scale * 1e-6);
  });
});
