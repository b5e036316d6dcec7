import { FleetError } from '@qwenfleet/core/errors';
import { repeat, type Expression } from '../expression.ts';
import * as json from '../json.ts';
import { anyMatch, wholeMatch } from '../regex.ts';
import { refused, sizeOf, type Schema } from './schema.ts';

/** A longer text may be asked for; what comes is never longer. */
const stringCharsMax = 4_000;

/** Formats whose texts are a pattern; others say something to people only. */
const formats: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date: String.raw`\d{3}[1-9]-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])`,
    time: String.raw`([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)`,
    'date-time': String.raw`\d{3}[1-9]-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)`,
    uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}',
    email: String.raw`[a-z0-9]+([._-][a-z0-9]+){0,4}@[a-z0-9]+(-[a-z0-9]+){0,4}(\.[a-z0-9]+){0,4}\.[a-z]{2,10}`,
    ipv4: String.raw`(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}`,
    hostname: String.raw`[a-z0-9]+(-[a-z0-9]+){0,4}(\.[a-z0-9]+(-[a-z0-9]+){0,4}){0,4}`,
  }),
);

/** Texts of a pattern, a format or a length. */
export function stringOf(schema: Schema, at: string): Expression {
  const { pattern, format } = schema;
  const least = sizeOf(schema, 'minLength', at) ?? 0;
  const most = sizeOf(schema, 'maxLength', at);
  const known = typeof format === 'string' ? formats.get(format) : undefined;
  const bounded = least > 0 || most !== undefined;
  if ([pattern !== undefined, known !== undefined, bounded].filter(Boolean).length > 1)
    throw refused(at, 'only one of a pattern, a format and a length is supported; leave the others out');
  if (known !== undefined) return json.quoted(wholeMatch(known, json.insideString));
  if (typeof pattern === 'string') return named(at, () => json.quoted(anyMatch(pattern, json.insideString)));
  if (pattern !== undefined) throw refused(at, '"pattern" is a regular expression');
  if (!bounded) return json.string;
  if (least > Math.min(most ?? Infinity, stringCharsMax)) throw refused(at, `no text has ${least} characters here`);
  return json.quoted(
    repeat(json.stringCharacter, least, most === undefined ? Infinity : Math.min(most, stringCharsMax)),
  );
}

/** An error of a part that does not know where it stands. */
function named<T>(at: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof FleetError ? refused(at, error.message) : error;
  }
}
