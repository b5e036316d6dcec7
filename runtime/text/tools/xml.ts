import { isObject } from '@qwenfleet/core/json';
import { choice, optional, sequence, text as exactly, until, type Expression } from '../grammar/expression.ts';
import { schemaExpression } from '../grammar/json-schema.ts';
import type { ToolFormat } from './format.ts';
import type { OfferedFunction } from './offer.ts';

const wholeCall = /^\s*<function=([^>\s]+)>([\s\S]*)<\/function>\s*$/;
/** Which models that read much Python write. */
const pythonWords = new Map<string, unknown>(Object.entries({ True: true, False: false, None: null }));
const parameterOpening = '<parameter=';
const parameterClosing = '</parameter>';

/**
 * `<tool_call><function=f><parameter=k>value</parameter></function></tool_call>`: the form of Qwen3-Coder and of Qwen3.5 and
 * later. Values are text without a type: the function's schema says what each is meant to be.
 */
export const xml: ToolFormat = {
  name: 'xml',
  opening: '<tool_call>',
  closing: '</tool_call>',
  spokenBy: (template) => template.includes('<function='),
  parse(text, offered) {
    const [, name, body = ''] = wholeCall.exec(text) ?? [];
    const known = offered.find((each) => each.name === name);
    const [before = '', ...parts] = body.split(parameterOpening);
    const values = parts.map(parameterOf);
    if (!known || before.trim() !== '' || values.includes(undefined)) return undefined;
    const typed = values.flatMap((each) => (each ? [[each.key, cast(each.text, each.key, known)]] : []));
    return { name: known.name, arguments: JSON.stringify(Object.fromEntries(typed)) };
  },
  expression(offered) {
    const { properties, required } = offered.parameters;
    const schemas = Object.entries(isObject(properties) ? properties : {});
    const needed = new Set(Array.isArray(required) ? required : []);
    const fields = schemas.map(([key, schema]) => {
      const field = sequence(exactly(`${parameterOpening}${key}>\n`), valueOf(schema, key, offered));
      return needed.has(key) ? field : optional(field);
    });
    return sequence(exactly(`\n<function=${offered.name}>\n`), ...fields, exactly('</function>\n'));
  },
};

/** A value with the closing behind it: texts as they are, all else as JSON. */
function valueOf(schema: unknown, key: string, { parameters, strict }: OfferedFunction): Expression {
  const closing = `\n${parameterClosing}\n`;
  const values = isObject(schema) ? schema['enum'] : undefined;
  const free = until(closing);
  if (takesText(parameters, key))
    return Array.isArray(values)
      ? sequence(choice(...values.map((value) => exactly(String(value)))), exactly(closing))
      : free;
  try {
    return sequence(schemaExpression(schema), exactly(closing));
  } catch (error) {
    if (strict) throw error;
    return free;
  }
}

/** `key>value</parameter>`: the value ends at the last closing, and a line end on either side is not part of it. */
function parameterOf(text: string): { key: string; text: string } | undefined {
  const keyEnd = text.indexOf('>');
  const end = text.lastIndexOf(parameterClosing);
  if (keyEnd < 1 || end < keyEnd || text.slice(end + parameterClosing.length).trim() !== '') return undefined;
  return {
    key: text.slice(0, keyEnd),
    text: text
      .slice(keyEnd + 1, end)
      .replace(/^\n/, '')
      .replace(/\n$/, ''),
  };
}

/** The value that a text stands for: a text where the schema takes texts, JSON where it is JSON, the text otherwise. */
function cast(text: string, key: string, { parameters }: OfferedFunction): unknown {
  if (takesText(parameters, key)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return pythonWords.has(text.trim()) ? pythonWords.get(text.trim()) : text;
  }
}

function takesText(parameters: Readonly<Record<string, unknown>>, key: string): boolean {
  const { properties } = parameters;
  const schema = isObject(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
  if (!isObject(schema)) return true;
  const { type, enum: values } = schema;
  if (Array.isArray(values)) return values.every((value) => typeof value === 'string');
  return type === 'string' || (Array.isArray(type) && type.includes('string'));
}
