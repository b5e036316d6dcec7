import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawMembers, withModel } from './request-body.ts';

const renamed = (json: string, model = 'Qwen/Qwen3-8B'): string => withModel(rawMembers(json), model);

describe('a request on its way to a pool', () => {
  it('has the model under the pool’s name and everything else as it was', () => {
    const json =
      '{"model":"auto","messages":[{"role":"user","content":"a \\"b\\" {c} [d], \\\\"}],"x":{"model":"auto"}}';
    expect(renamed(json)).toBe(json.replace('"auto"', '"Qwen/Qwen3-8B"'));
  });

  it.each([
    ['integers beyond 2^53', '18446744073709551615'],
    ['decimals beyond a double', '0.1000000000000000055511151231257827021181583404541015625'],
    ['exponents', '1E+400'],
    ['negative zero', '-0'],
    ['escapes', '"\\u0041\\ud83d\\ude00\\/"'],
    ['half of a surrogate pair', '"\\ud800"'],
    ['nothing', 'null'],
    ['white space', '{ "a" : [ 1 , 2 ] }'],
  ])('keeps %s digit by digit', (_name, value) => {
    expect(renamed(`{"model":"m","unknown_field": ${value} ,"n":1}`)).toBe(
      `{"model":"Qwen/Qwen3-8B","unknown_field":${value},"n":1}`,
    );
  });

  it('knows the model by any spelling of its name', () => {
    expect(renamed('{"\\u006dodel":"auto"}')).toBe('{"model":"Qwen/Qwen3-8B"}');
  });

  it('has a field that was given twice once, with its last value, as JSON.parse reads it', () => {
    const json = '{"stream":false,"model":"a","stream":true,"model":"b"}';
    expect(renamed(json)).toBe('{"stream":true,"model":"Qwen/Qwen3-8B"}');
  });

  it('may have fields named like what objects inherit', () => {
    const json = '{"__proto__":{"a":1},"constructor":2,"":3,"model":"auto"}';
    expect(renamed(json)).toBe('{"__proto__":{"a":1},"constructor":2,"":3,"model":"Qwen/Qwen3-8B"}');
  });

  it('may be as deep as JSON.parse takes', () => {
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    expect(renamed(`{"model":"auto","deep":${deep}}`)).toBe(`{"model":"Qwen/Qwen3-8B","deep":${deep}}`);
  });

  it('is the same request for any JSON', () => {
    const body = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 }));
    fc.assert(
      fc.property(body, fc.constantFrom(undefined, 2, '\t'), (fields, indent) => {
        const json = JSON.stringify({ ...fields, model: 'auto' }, undefined, indent);
        expect(JSON.parse(renamed(json, 'x'))).toEqual({ ...JSON.parse(json), model: 'x' });
      }),
      { numRuns: 500 },
    );
  });
});
