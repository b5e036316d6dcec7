import { describe, expect, it } from 'vitest';
import { refusal } from '../../fixtures/refusal.ts';
import { Grammar } from './grammar.ts';
import { guideOf } from './guide.ts';

const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
const format = (changes: object = {}): Record<string, unknown> => ({
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema, ...changes } },
});

describe('what an answer has to be', () => {
  it.each<[string, Record<string, unknown>, string[], string[]]>([
    ['an object', { response_format: { type: 'json_object' } }, ['{}', '{"a":[1]}'], ['[]', '1']],
    ['what a schema says', format({ strict: true }), ['{"n":1}'], ['{}', '{"n":"1"}']],
    ['what a schema says, without a word on strictness', format(), ['{"n":1}'], ['{}']],
    ['an object, where the schema is only advice', format({ strict: false }), ['{"m":1}'], ['[]']],
    ['JSON, as vLLM once said it', { guided_json: schema }, ['{"n":1}'], ['{}']],
    ['JSON, with the schema as a text', { guided_json: JSON.stringify(schema) }, ['{"n":1}'], ['{}']],
    ['JSON, as vLLM says it now', { structured_outputs: { json: schema } }, ['{"n":1}'], ['{}']],
    ['any object, as vLLM says it', { structured_outputs: { json_object: true } }, ['{}'], ['[]']],
    ['a pattern', { guided_regex: '\\d{3}' }, ['123'], ['12', '1234', 'x123']],
    ['a pattern, as vLLM says it now', { structured_outputs: { regex: 'a|b' } }, ['a'], ['ab']],
    ['one of some texts', { guided_choice: ['yes', 'no'] }, ['yes', 'no'], ['y', 'yesno', '']],
    ['one of some texts, as vLLM says it now', { structured_outputs: { choice: ['是', '否'] } }, ['是'], ['不']],
  ])('is %s', (_name, request, yes, no) => {
    const guide = guideOf(request);
    const grammar = new Grammar(guide?.expression() ?? { kind: 'choice', options: [] });
    for (const each of yes) expect(grammar.accepts(each), each).toBe(true);
    for (const each of no) expect(grammar.accepts(each), each).toBe(false);
  });

  it.each([{}, { response_format: { type: 'text' } }, { guided_json: null, structured_outputs: null }])(
    'is anything with %j',
    (request) => {
      expect(guideOf(request)).toBeUndefined();
    },
  );

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['two at once', { guided_regex: 'a', guided_choice: ['b'] }, 'guided_choice', /guided_regex/],
    ['a grammar', { guided_grammar: 'root ::= "a"' }, 'guided_grammar', /JSON schema/],
    ['a grammar, as vLLM says it now', { structured_outputs: { grammar: 'x' } }, 'structured_outputs.grammar', /regex/],
    ['no schema', { response_format: { type: 'json_schema' } }, 'response_format.json_schema.schema', /missing/],
    ['no choices', { guided_choice: [] }, 'guided_choice', /1/],
    ['a choice that is no text', { structured_outputs: { choice: [7] } }, 'structured_outputs.choice.0', /string/],
    ['a schema that is no JSON', { guided_json: '{' }, 'guided_json', /no JSON/],
    ['a pattern that is no text', { guided_regex: 7 }, 'guided_regex', /regular/],
    ['a schema without end', { guided_json: { enum: ['x'.repeat(200_000)] } }, 'guided_json', /131072/],
  ])('cannot be %s', (_name, request, param, words) => {
    const error = refusal(() => guideOf(request)?.expression());
    expect(error).toMatchObject({ code: 'invalid_request', param });
    expect(error.message).toMatch(words);
  });
});
