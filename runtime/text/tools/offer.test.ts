import { describe, expect, it } from 'vitest';
import { refusal } from '../../fixtures/refusal.ts';
import { offerOf } from './offer.ts';

const tool = (name: string, rest: object = {}): { type: string } =>
  ({ type: 'function', function: { name, ...rest } }) as { type: string };
const tools = [tool('f', { parameters: { type: 'object' }, strict: true }), tool('g')];
const named = (name: string): object => ({ type: 'function', function: { name } });

describe('what a request offers', () => {
  it('is its functions, with their schemas', () => {
    expect(offerOf({ tools })).toEqual({
      functions: [
        { name: 'f', parameters: { type: 'object' }, strict: true },
        { name: 'g', parameters: {}, strict: false },
      ],
      choice: 'auto',
      parallel: true,
    });
  });

  it.each<[string, Parameters<typeof offerOf>[0], unknown]>([
    ['one of them at least', { tools, tool_choice: 'required' }, 'required'],
    ['a certain one', { tools, tool_choice: named('g') }, { name: 'g' }],
    ['as the model likes', { tools, tool_choice: null }, 'auto'],
  ])('may have to be called: %s', (_name, request, choice) => {
    expect(offerOf(request)?.choice).toEqual(choice);
  });

  it.each<[string, Parameters<typeof offerOf>[0]]>([
    ['there are no functions', { tools: [] }],
    ['there is no list', {}],
    ['none may be called', { tools, tool_choice: 'none' }],
  ])('is nothing when %s', (_name, request) => {
    expect(offerOf(request)).toBeUndefined();
  });

  it.each<[string, Parameters<typeof offerOf>[0], string, RegExp]>([
    ['a choice of nothing', { tool_choice: 'required' }, 'tool_choice', /send tools/],
    ['a choice that is none', { tools, tool_choice: 'any' }, 'tool_choice', /"required"/],
    ['a choice of a stranger', { tools, tool_choice: named('h') }, 'tool_choice', /"h"/],
    ['another kind', { tools: [{ type: 'web_search' }] }, 'tools[0].type', /functions only/],
    ['a name with spaces', { tools: [tool('a b')] }, 'tools[0].function.name', /letters/],
    [
      'a schema that is none',
      { tools: [tool('f', { parameters: 'x' })] },
      'tools[0].function.parameters',
      /object|record/i,
    ],
    ['one name twice', { tools: [tool('f'), tool('f')] }, 'tools', /same name/],
  ])('is refused with %s', (_name, request, param, words) => {
    const error = refusal(() => offerOf(request));
    expect(error).toMatchObject({ code: 'invalid_request', param });
    expect(error.message).toMatch(words);
  });
});
