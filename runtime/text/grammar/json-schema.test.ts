import addFormats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guidedText } from '../../fixtures/guided-text.ts';
import { refusal } from '../../fixtures/refusal.ts';
import { Grammar } from './grammar.ts';
import { schemaExpression } from './json-schema.ts';

const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
addFormats.default(ajv);

const grammarOf = (schema: unknown): Grammar => new Grammar(schemaExpression(schema));

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** Ajv calls what a value has under these names. */
const calledByAjv = /"(valueOf|toString)":/;
const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !calledByAjv.test(JSON.stringify(value))) as fc.Arbitrary<Json>;
const range = (unit: fc.Arbitrary<number>): fc.Arbitrary<[number, number]> =>
  fc.tuple(unit, unit).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);

const strings = fc.oneof(
  fc.constant({ type: 'string' }),
  range(fc.nat(12)).map(([minLength, maxLength]) => ({ type: 'string', minLength, maxLength })),
  fc
    .constantFrom(
      '^[a-c]{2,5}$',
      'x|y',
      '^a.c',
      '[^"\\\\]$',
      '^(ab|\\d+)?$',
      '^\\S+@\\w+$',
      '["\\\\\\n]{2}',
      '[é-ü]+',
      '^$',
      '[\\u{1F600}-\\u{1F64F}]',
    )
    .map((pattern) => ({ type: 'string', pattern })),
  fc
    .constantFrom('date', 'time', 'date-time', 'uuid', 'email', 'ipv4', 'hostname', 'made-up')
    .map((format) => ({ type: 'string', format })),
);
const numbers = fc.oneof(
  fc.constantFrom({ type: 'integer' }, { type: 'number' }),
  range(fc.integer({ min: -12_345, max: 12_345 })).chain(([low, high]) =>
    fc.constantFrom(
      { type: 'integer', minimum: low, maximum: high },
      { type: 'number', minimum: low, maximum: high },
      { type: 'number', exclusiveMinimum: low, exclusiveMaximum: high + 1 },
      { type: 'integer', exclusiveMinimum: low - 1, maximum: high },
      { type: 'integer', minimum: low + 0.5 },
      { type: 'number', maximum: high },
    ),
  ),
);
const values = fc.oneof(
  fc
    .uniqueArray(json, { minLength: 1, maxLength: 4, selector: (value) => JSON.stringify(value) })
    .map((list) => ({ enum: list })),
  json.map((value) => ({ const: value })),
);

/** Schemas of everything that is supported. */
const schemas = fc.letrec<{ schema: object; object: object; array: object }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.oneof(
      strings,
      numbers,
      values,
      fc.constantFrom(
        {},
        { type: 'boolean' },
        { type: 'null' },
        { type: ['string', 'null'] },
        { type: 'array' },
        { type: 'object' },
      ),
    ),
    tie('object'),
    tie('array'),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
  object: fc.oneof(
    fc
      .tuple(
        fc.dictionary(fc.string({ maxLength: 5, unit: 'grapheme' }), tie('schema'), { maxKeys: 4 }),
        fc.nat(),
        fc.constantFrom(true, false, undefined),
      )
      .map(([properties, bits, additionalProperties]) => ({
        type: 'object',
        properties,
        required: Object.keys(properties).filter((_, at) => (bits >> at) % 2 === 1),
        ...(additionalProperties === undefined ? {} : { additionalProperties }),
      })),
    tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
    tie('schema').map((additionalProperties) => ({ required: ['a', 'b'], additionalProperties })),
  ),
  array: fc.oneof(
    tie('schema').chain((items) =>
      range(fc.nat(4)).map(([minItems, maxItems]) => ({ type: 'array', items, minItems, maxItems })),
    ),
    fc
      .tuple(fc.array(tie('schema'), { minLength: 1, maxLength: 3 }), fc.nat(4))
      .map(([prefixItems, minItems]) => ({ type: 'array', prefixItems, minItems })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((prefixItems) => ({ prefixItems, items: false })),
  ),
}));

describe('a text under a schema', () => {
  it('whatever the schema, parses and follows it', () => {
    let ended = 0;
    fc.assert(
      fc.property(schemas.schema, fc.integer(), (schema, seed) => {
        const written = guidedText(grammarOf(schema), seed);
        if (written === undefined) return;
        ended += 1;
        const value: unknown = JSON.parse(written);
        const valid = ajv.validate(schema, value);
        expect(valid, `${written} is refused: ${ajv.errorsText()}`).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(ended).toBeGreaterThan(250);
  });

  it('keeps the order of the fields, and leaves out what may be left out', () => {
    const grammar = grammarOf({
      properties: { a: { type: 'integer' }, b: { type: 'boolean' }, c: {} },
      required: ['b'],
    });
    for (const yes of ['{"a":1,"b":true}', '{"b": false}', '{\n  "b": true,\n  "c": [{"x": null}]\n}'])
      expect(grammar.accepts(yes)).toBe(true);
    for (const no of [
      '{}',
      '{"b":true,"a":1}',
      '{"a":1}',
      '{"b":true,}',
      '{"b":true,"d":1}',
      '{"b":true}x',
      '{,"b":true}',
    ])
      expect(grammar.accepts(no)).toBe(false);
  });

  it('may nest as deep as a reference to itself', () => {
    const tree = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['next'],
          additionalProperties: false,
        },
      },
    };
    const deep = `${'{"next":'.repeat(500)}null${'}'.repeat(500)}`;
    expect(grammarOf(tree).accepts(deep)).toBe(true);
    expect(grammarOf(tree).accepts(deep.slice(0, -1))).toBe(false);
  });

  it.each<[string, object, string[], string[]]>([
    [
      'numbers between',
      { type: 'integer', minimum: -5, maximum: 120 },
      ['-5', '-1', '0', '9', '99', '120'],
      ['-6', '121', '007', '1.0', '-0', ''],
    ],
    [
      'fractions between',
      { type: 'number', minimum: 1, exclusiveMaximum: 3 },
      ['1', '1.5', '2.999999', '1.0'],
      ['3', '0.9', '3.0', '2.9999999'],
    ],
    [
      'numbers around zero',
      { type: 'number', exclusiveMinimum: -1, maximum: 0 },
      ['-0.5', '0', '0.0'],
      ['-1', '-1.0', '0.1', '-0'],
    ],
    [
      'characters, not bytes',
      { type: 'string', minLength: 2, maxLength: 2 },
      ['"你好"', '"🙂a"', '"\\n\\u4f60"', '"\\ud83d\\ude42a"'],
      ['"a"', '"abc"', '"\\ud83da"'],
    ],
    ['a quote in a pattern', { type: 'string', pattern: '^"\\\\$' }, ['"\\"\\\\"'], ['""\\"']],
    [
      'JSON of any kind',
      {},
      ['1', '[]', '{"a":[1,2,{"b":null}]}', '"x"', 'true', '-1.5e+3'],
      ['', '[1,]', '{a:1}', "'x'", '01', 'nul', '"\n"'],
    ],
    ['one of several', { anyOf: [{ type: 'integer' }, { const: 'x' }] }, ['7', '"x"'], ['"y"', '7.5']],
    ['values of its type only', { type: 'string', enum: ['a', 1, null] }, ['"a"'], ['1', 'null']],
  ])('has %s', (_name, schema, yes, no) => {
    const grammar = grammarOf(schema);
    for (const each of yes) expect(grammar.accepts(each), each).toBe(true);
    for (const each of no) expect(grammar.accepts(each), each).toBe(false);
  });
});

describe('a schema that cannot be kept', () => {
  const nested = (depth: number): object => (depth === 0 ? {} : { type: 'array', items: nested(depth - 1) });
  it.each<[string, unknown, RegExp]>([
    ['says what a value is not', { properties: { a: { not: {} } } }, /#\/properties\/a.*"not"/],
    ['wants one of several exactly', { oneOf: [{}] }, /"anyOf"/],
    ['wants items that differ', { type: 'array', uniqueItems: true }, /"uniqueItems"/],
    ['refers to elsewhere', { $ref: 'https://example.com/x' }, /into this schema/],
    ['refers to nothing', { $ref: '#/$defs/x' }, /points to nothing/],
    ['refers to itself alone', { $ref: '#' }, /itself/],
    [
      'refers to itself in a circle',
      { anyOf: [{ $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#' }] } } },
      /itself/,
    ],
    ['has no value', false, /no value/],
    ['has no number', { type: 'integer', minimum: 5, maximum: 4 }, /no number/],
    ['has a type that there is not', { type: 'float' }, /"float"/],
    ['nests too deep', nested(100), /64 levels/],
    ['has a pattern that looks ahead', { type: 'string', pattern: '^(?=a)' }, /"\(\?=a\)"/],
    ['has a pattern that is none', { type: 'string', pattern: '(' }, /pattern/],
    ['is huge', { type: 'string', pattern: '^((((a{1,90}b){1,90}c){1,90}d){1,90}e){1,90}(x{1,30000})$' }, /20000/],
    ['needs a field that it forbids', { required: ['a'], additionalProperties: false }, /"a"/],
    ['says two things at once', { $ref: '#/$defs/a', properties: {}, $defs: { a: {} } }, /beside/],
    ['is no schema', 7, /object/],
  ])('because it %s is refused, with the place', (_name, schema, words) => {
    const error = refusal(() => grammarOf(schema));
    expect(error.code).toBe('invalid_request');
    expect(error.message).toMatch(words);
  });

  it('because it is too ambiguous is refused before it costs much', () => {
    const error = refusal(() => {
      const grammar = grammarOf({ type: 'string', pattern: '^(.*a.{0,3000})$' });
      grammar.accepts(JSON.stringify('a'.repeat(4_000)));
    });
    expect(error.message).toMatch(/ambiguous/);
  });
});
