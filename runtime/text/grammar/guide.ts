import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import { choice, text, type Expression } from './expression.ts';
import { schemaExpression } from './json-schema.ts';
import { object } from './json.ts';
import { wholeMatch } from './regex.ts';

/** Texts of one choice. */
const choicesMax = 1_000;
const choiceCharsMax = 64 * 1024;
/** Of a schema, as JSON. */
const schemaCharsMax = 128 * 1024;

/** What an answer has to be, and the field that asked for it. `key` tells two that are the same. */
export type Guide = { param: string; key: string; expression: () => Expression };

type Asked = Readonly<Record<string, unknown>>;

const formatSchema = z.looseObject({
  type: z.enum(['text', 'json_object', 'json_schema']),
  json_schema: z.looseObject({ schema: z.unknown().optional(), strict: z.boolean().nullish() }).optional(),
});
const structuredSchema = z.looseObject({
  json: z.unknown().optional(),
  json_object: z.boolean().nullish(),
  regex: z.unknown().optional(),
  choice: z.unknown().optional(),
});
/** vLLM's, which no grammar of ours reads. */
const strangers = ['guided_grammar', 'structured_outputs.grammar', 'structured_outputs.structural_tag'];

/**
 * The guide that a request asks for: OpenAI's `response_format`, or vLLM's `structured_outputs` and its older `guided_json`,
 * `guided_regex` and `guided_choice`. Undefined when it asks for none; `invalid_request` for two at once.
 */
export function guideOf(request: Asked): Guide | undefined {
  const structured = parsed(structuredSchema, request['structured_outputs'] ?? {}, 'structured_outputs');
  const fields: Asked = {
    ...request,
    ...Object.fromEntries(Object.entries(structured).map(([name, value]) => [`structured_outputs.${name}`, value])),
  };
  const stranger = strangers.find((name) => isGiven(fields[name]));
  if (stranger !== undefined)
    throw refused(stranger, 'grammars are not supported; send a JSON schema, a regex or a choice');
  const found = [
    formatGuide(request['response_format']),
    ...['guided_json', 'structured_outputs.json'].map((param) => guide(param, fields[param], jsonSchema)),
    ...['guided_regex', 'structured_outputs.regex'].map((param) => guide(param, fields[param], regex)),
    ...['guided_choice', 'structured_outputs.choice'].map((param) => guide(param, fields[param], choices)),
    structured.json_object === true ? anyObject('structured_outputs.json_object') : undefined,
  ].filter((each) => each !== undefined);
  const [first, second] = found;
  if (first && second) throw refused(second.param, `it stands beside ${first.param}; send one of them`);
  return first;
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** `strict: false` asks for an object, and leaves its shape to the model. */
function formatGuide(format: unknown): Guide | undefined {
  if (!isGiven(format)) return undefined;
  const { type, json_schema: named } = parsed(formatSchema, format, 'response_format');
  if (type === 'text') return undefined;
  if (type === 'json_object') return anyObject('response_format');
  const param = 'response_format.json_schema.schema';
  if (named?.strict === false) return anyObject(param);
  if (!isGiven(named?.schema)) throw refused(param, 'it is missing; send a JSON schema');
  return guide(param, named?.schema, jsonSchema);
}

const anyObject = (param: string): Guide => ({ param, key: 'object', expression: () => object });

function guide(param: string, value: unknown, make: (value: unknown, param: string) => Expression): Guide | undefined {
  if (!isGiven(value)) return undefined;
  const key = JSON.stringify([make.name, value]);
  if (key.length > schemaCharsMax) throw refused(param, `it is longer than ${schemaCharsMax} characters`);
  return { param, key, expression: () => make(value, param) };
}

/** vLLM takes a schema as a text, too. */
function jsonSchema(value: unknown, param: string): Expression {
  if (typeof value !== 'string') return schemaExpression(value);
  let schema: unknown;
  try {
    schema = JSON.parse(value);
  } catch {
    throw refused(param, 'it is a text, and no JSON');
  }
  return schemaExpression(schema);
}

function regex(value: unknown, param: string): Expression {
  if (typeof value === 'string') return wholeMatch(value);
  throw refused(param, 'it is a regular expression');
}

function choices(value: unknown, param: string): Expression {
  const texts = parsed(z.array(z.string().min(1)).min(1).max(choicesMax), value, param);
  if (texts.join('').length > choiceCharsMax)
    throw refused(param, `its texts have more than ${choiceCharsMax} characters`);
  return choice(...texts.map(text));
}

function parsed<T extends z.ZodType>(schema: T, value: unknown, param: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refused([param, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'it is not valid');
}

const refused = (param: string, why: string): FleetError =>
  new FleetError('invalid_request', `${param}: ${why}.`, { param });
