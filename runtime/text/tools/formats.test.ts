import { describe, expect, it } from 'vitest';
import { hermes } from './hermes.ts';
import type { OfferedFunction } from './offer.ts';
import { toolFormatOf } from './registry.ts';
import { xml } from './xml.ts';

const weather: OfferedFunction = {
  name: 'get_weather',
  strict: false,
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      days: { type: 'integer' },
      detailed: { type: 'boolean' },
      where: { type: 'object' },
      unit: { enum: ['C', 'F'] },
      level: { enum: [1, 2] },
    },
  },
};
const offered = [weather];

describe('a call in Hermes’ form', () => {
  it.each<[string, string, string]>([
    ['is read', '\n{"name": "get_weather", "arguments": {"city": "Bern"}}\n', '{"city":"Bern"}'],
    ['may have no arguments', '{"name":"get_weather"}', '{}'],
    ['may have its arguments as a text', '{"name":"get_weather","arguments":"{\\"days\\":2}"}', '{"days":2}'],
    [
      'keeps what nests',
      '{"name":"get_weather","arguments":{"where":{"at":[1,"</tool"]}}}',
      '{"where":{"at":[1,"</tool"]}}',
    ],
  ])('%s', (_name, text, wanted) => {
    expect(hermes.parse(text, offered)).toEqual({ name: 'get_weather', arguments: wanted });
  });

  it.each([
    ['cut', '{"name": "get_weather", "arguments": {"ci'],
    ['no JSON', 'get_weather(city="Bern")'],
    ['of a function that nobody offers', '{"name": "rm", "arguments": {}}'],
    ['with arguments that are none', '{"name": "get_weather", "arguments": [1]}'],
    ['a list', '[{"name": "get_weather"}]'],
  ])('that is %s is none', (_name, text) => {
    expect(hermes.parse(text, offered)).toBeUndefined();
  });
});

describe('a call in XML', () => {
  const call = (...values: [string, string][]): string =>
    `\n<function=get_weather>\n${values.map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`).join('')}</function>\n`;

  it.each<[string, [string, string][], object]>([
    ['keeps texts as they are', [['city', '42']], { city: '42' }],
    ['keeps lines', [['city', 'a\n\nb']], { city: 'a\n\nb' }],
    ['reads numbers', [['days', '3']], { days: 3 }],
    ['reads booleans, Python’s too', [['detailed', 'True']], { detailed: true }],
    ['reads objects', [['where', '{"x": [1]}']], { where: { x: [1] } }],
    ['keeps a text where JSON was meant', [['days', 'three']], { days: 'three' }],
    ['keeps texts of a list', [['unit', 'C']], { unit: 'C' }],
    ['reads the numbers of a list', [['level', '2']], { level: 2 }],
    ['keeps what the schema does not name', [['other', '7']], { other: '7' }],
    [
      'has tags inside of a value',
      [['city', 'if (a</parameter> b) <b>x</b>']],
      { city: 'if (a</parameter> b) <b>x</b>' },
    ],
    [
      'has several',
      [
        ['city', 'Bern'],
        ['days', '1'],
      ],
      { city: 'Bern', days: 1 },
    ],
    ['has none', [], {}],
  ])('%s', (_name, values, wanted) => {
    const parsed = xml.parse(call(...values), offered);
    expect(parsed?.name).toBe('get_weather');
    expect(JSON.parse(parsed?.arguments ?? '')).toEqual(wanted);
  });

  it.each([
    ['cut', '<function=get_weather>\n<parameter=city>\nBe'],
    ['with text between', '<function=get_weather>\nhm\n<parameter=city>\nBern\n</parameter>\n</function>'],
    ['of a function that nobody offers', '<function=rm>\n</function>'],
    ['in JSON', '{"name": "get_weather"}'],
  ])('that is %s is none', (_name, text) => {
    expect(xml.parse(text, offered)).toBeUndefined();
  });

  it('takes no longer for a text full of openings', () => {
    expect(xml.parse(`<function=get_weather>${'<parameter=x>'.repeat(20_000)}</function>`, offered)).toBeUndefined();
  });
});

describe('a model’s way to call', () => {
  it.each([
    ['Qwen3’s', '{{- "<tool_call>\\n{\\"name\\": " }}', 'hermes'],
    ['Qwen3-Coder’s', '{{- "<tool_call>\\n<function=example>" }}', 'xml'],
    ['one without functions', '{{ messages[0].content }}', undefined],
  ])('is told by its template: %s', (_name, template, wanted) => {
    expect(toolFormatOf(template)?.name).toBe(wanted);
  });
});
