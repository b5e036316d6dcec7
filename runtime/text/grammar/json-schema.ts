import { FleetError } from '@qwenfleet/core/errors';
import {
  call,
  choice,
  nothing,
  optional,
  repeat,
  Rule,
  sequence,
  shared,
  text,
  type Expression,
} from './expression.ts';
import { integersBetween, numbersBetween, type Bound } from './json-range.ts';
import * as json from './json.ts';
import { anyMatch, wholeMatch } from './regex.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Levels of a schema, `$ref` not counted. */
const depthMax = 64;
/** Fields of one object. */
const propertiesMax = 1_000;
/** A longer text may be asked for; what comes is never longer. */
const stringCharsMax = 4_000;
const valuesMax = 2_000;

/** What says something about values that a grammar of this kind cannot keep: refused, never passed over. */
const unsupported = [
  'not',
  'if',
  'then',
  'else',
  'oneOf',
  'patternProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'unevaluatedItems',
  'unevaluatedProperties',
  'contains',
  'multipleOf',
  'additionalItems',
  '$dynamicRef',
  '$recursiveRef',
];
/** Keywords that a type has for itself: what a schema without `type` must be to have them mean anything. */
const keywordsOf = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  string: ['pattern', 'minLength', 'maxLength', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
} as const;
/** Those that give the values themselves: none of the above may stand beside them. */
const whole = ['enum', 'const', 'anyOf', 'allOf', '$ref'];

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

/**
 * The JSON texts that follow a JSON schema; fields in the order in which the schema has them, and none that it does not
 * name. Throws `invalid_request` that says where the schema asks for what a grammar cannot keep.
 */
export const schemaExpression = (schema: unknown): Expression => new SchemaReader(schema).expression();

class SchemaReader {
  readonly #root: unknown;
  readonly #references = new Map<string, Rule>();

  constructor(root: unknown) {
    this.#root = root;
  }

  expression(): Expression {
    return this.#read(this.#root, '#', 0);
  }

  #read(schema: unknown, at: string, depth: number): Expression {
    if (depth > depthMax) throw refused(at, `it nests deeper than ${depthMax} levels`);
    if (schema === true) return json.value;
    if (schema === false) throw refused(at, 'no value follows "false"');
    if (!isObject(schema)) throw refused(at, 'a schema is an object, true or false');
    this.#assertSupported(schema, at);
    const given = whole.find((keyword) => schema[keyword] !== undefined);
    return given === undefined ? this.#byType(schema, at, depth) : this.#whole(schema, given, at, depth);
  }

  #assertSupported(schema: Schema, at: string): void {
    const stranger = unsupported.find((keyword) => schema[keyword] !== undefined);
    if (stranger === 'oneOf') throw refused(at, '"oneOf" is not supported; send "anyOf"');
    if (stranger !== undefined) throw refused(at, `"${stranger}" is not supported; leave it out`);
    if (schema['uniqueItems'] === true) throw refused(at, '"uniqueItems" is not supported; leave it out');
  }

  #whole(schema: Schema, given: string, at: string, depth: number): Expression {
    const beside = [...Object.values(keywordsOf).flat(), ...whole].find(
      (keyword) => keyword !== given && schema[keyword] !== undefined,
    );
    if (beside !== undefined) throw refused(at, `"${beside}" beside "${given}" is not supported; leave one out`);
    if (given === '$ref') return this.#reference(schema['$ref'], at);
    if (given === 'enum' || given === 'const') return this.#values(schema, given, at);
    const options = schema[given];
    if (!Array.isArray(options) || options.length === 0) throw refused(at, `"${given}" is a list of schemas`);
    if (schema['type'] !== undefined) throw refused(at, `"type" beside "${given}" is not supported; leave one out`);
    if (given === 'allOf' && options.length > 1)
      throw refused(at, '"allOf" of several is not supported; write one schema');
    return choice(...options.map((option, index) => this.#read(option, `${at}/${given}/${index}`, depth + 1)));
  }

  #values(schema: Schema, given: 'enum' | 'const', at: string): Expression {
    const values: unknown = given === 'const' ? [schema['const']] : schema['enum'];
    if (!Array.isArray(values) || values.length > valuesMax)
      throw refused(at, `"enum" is a list of ${valuesMax} at most`);
    const types = typesOf(schema, at);
    const kept = values.filter((value) => !types || types.some((type) => isOfType(value, type)));
    if (kept.length === 0) throw refused(at, `no value of "${given}" is of its type`);
    return choice(...kept.map((value) => text(JSON.stringify(value))));
  }

  /** Within this schema only: nothing is fetched. */
  #reference(reference: unknown, at: string): Expression {
    if (typeof reference !== 'string' || !reference.startsWith('#'))
      throw refused(at, '"$ref" has to point into this schema, as "#/$defs/…" does');
    const known = this.#references.get(reference);
    if (known) return call(known);
    const rule = new Rule();
    this.#references.set(reference, rule);
    let target: unknown = this.#root;
    for (const part of reference.slice(1).split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      target =
        (isObject(target) || Array.isArray(target)) && Object.hasOwn(target, key)
          ? Reflect.get(target, key)
          : undefined;
    }
    if (target === undefined) throw refused(at, `"$ref" points to nothing: ${reference.slice(0, 100)}`);
    // Each place is read once, so that references cannot go on for ever.
    rule.body = this.#read(target, reference, 0);
    return call(rule);
  }

  #byType(schema: Schema, at: string, depth: number): Expression {
    const types = typesOf(schema, at) ?? impliedTypes(schema);
    if (types.length === 0) return json.value;
    const read: Record<string, () => Expression> = {
      object: () => this.#object(schema, at, depth),
      array: () => this.#array(schema, at, depth),
      string: () => stringOf(schema, at),
      integer: () => numberOf(schema, at, integersBetween) ?? json.integer,
      number: () => numberOf(schema, at, numbersBetween) ?? json.number,
      boolean: () => json.boolean,
      null: () => json.none,
    };
    return choice(
      ...types.map((type) => {
        if (!Object.hasOwn(read, type)) throw refused(at, `"${type.slice(0, 40)}" is no type`);
        return read[type]?.() ?? nothing;
      }),
    );
  }

  #object(schema: Schema, at: string, depth: number): Expression {
    const { properties = {}, required = [], additionalProperties: additional = true } = schema;
    if (!isObject(properties)) throw refused(at, '"properties" is an object of schemas');
    if (!isNames(required)) throw refused(at, '"required" is a list of names');
    const unnamed = required.filter((name) => !Object.hasOwn(properties, name));
    if (unnamed.length > 0 && additional === false)
      throw refused(at, `"required" names "${unnamed[0]?.slice(0, 100)}", and there is no such property`);
    const names = [...Object.keys(properties), ...new Set(unnamed)];
    if (names.length > propertiesMax) throw refused(at, `it has more than ${propertiesMax} properties`);
    const field = (name: string): Expression => {
      const own = Object.hasOwn(properties, name);
      const value = this.#read(own ? properties[name] : additional, `${at}/properties/${name}`, depth + 1);
      return sequence(text(JSON.stringify(name)), json.colon, value);
    };
    if (names.length > 0)
      return json.list(
        '{',
        inOrder(names.map((name) => ({ field: shared(field(name)), required: required.includes(name) }))),
        '}',
      );
    if (additional === false) return json.list('{', nothing, '}');
    if (additional === true) return json.object;
    const value = this.#read(additional, `${at}/additionalProperties`, depth + 1);
    return json.list('{', json.many(shared(sequence(json.string, json.colon, value))), '}');
  }

  #array(schema: Schema, at: string, depth: number): Expression {
    const { prefixItems = [], items = true } = schema;
    if (!Array.isArray(prefixItems)) throw refused(at, '"prefixItems" is a list of schemas');
    if (Array.isArray(items)) throw refused(at, '"items" is a schema; send a list of them as "prefixItems"');
    const least = sizeOf(schema, 'minItems', at) ?? 0;
    const most = sizeOf(schema, 'maxItems', at) ?? Infinity;
    const head = prefixItems
      .slice(0, most)
      .map((each, index) => shared(this.#read(each, `${at}/prefixItems/${index}`, depth + 1)));
    const restMost = items === false ? 0 : Math.max(0, most - head.length);
    const restLeast = Math.max(0, least - head.length);
    if (restLeast > restMost || least > most) throw refused(at, 'no list is that long and that short');
    const rest = restMost === 0 ? nothing : shared(this.#read(items, `${at}/items`, depth + 1));
    return json.list('[', listOf(head, rest, { head: least, rest: restLeast, restMost }), ']');
  }
}

/** Fields that may be left out or may not, with commas between those that are there. */
function inOrder(fields: readonly { field: Expression; required: boolean }[]): Expression {
  let after: Expression = nothing;
  let first: Expression = nothing;
  for (const { field, required } of fields.toReversed()) {
    const rest = after;
    after = shared(choice(sequence(json.comma, field, rest), ...(required ? [] : [rest])));
    first = shared(choice(sequence(field, rest), ...(required ? [] : [first])));
  }
  return first;
}

/** Items with a schema each, then any number of one more kind. */
function listOf(
  head: readonly Expression[],
  rest: Expression,
  counts: { head: number; rest: number; restMost: number },
): Expression {
  const more = (least: number, most: number): Expression => repeat(sequence(json.comma, rest), least, most);
  const { restMost } = counts;
  if (head.length === 0) {
    if (restMost === 0) return nothing;
    const some = sequence(rest, more(Math.max(0, counts.rest - 1), restMost - 1));
    return counts.rest === 0 ? optional(some) : some;
  }
  let tail = more(counts.rest, restMost);
  for (let index = head.length - 1; index >= 0; index -= 1) {
    const item = sequence(...(index === 0 ? [] : [json.comma]), head[index] ?? nothing, tail);
    tail = shared(index < counts.head ? item : optional(item));
  }
  return tail;
}

function stringOf(schema: Schema, at: string): Expression {
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

/** Undefined without bounds. */
function numberOf(
  schema: Schema,
  at: string,
  between: (least: Bound | undefined, most: Bound | undefined) => Expression | undefined,
): Expression | undefined {
  const least = boundOf(schema, 'minimum', 'exclusiveMinimum', Math.max, at);
  const most = boundOf(schema, 'maximum', 'exclusiveMaximum', Math.min, at);
  if (!least && !most) return undefined;
  const found = between(least, most);
  if (!found) throw refused(at, 'no number is between its bounds');
  return found;
}

function boundOf(
  schema: Schema,
  closed: string,
  open: string,
  tighter: (...values: number[]) => number,
  at: string,
): Bound | undefined {
  const [inclusive, exclusive] = [schema[closed], schema[open]].map((value, index) => {
    if (value === undefined || typeof value === 'number') return value;
    throw refused(at, `"${index === 0 ? closed : open}" is a number`);
  });
  if (exclusive === undefined) return inclusive === undefined ? undefined : { at: inclusive, open: false };
  const nearest = inclusive === undefined ? exclusive : tighter(exclusive, inclusive);
  return { at: nearest, open: nearest === exclusive };
}

function sizeOf(schema: Schema, keyword: string, at: string): number | undefined {
  const size = schema[keyword];
  if (size === undefined) return undefined;
  if (typeof size === 'number' && Number.isInteger(size) && size >= 0) return size;
  throw refused(at, `"${keyword}" is a whole number from 0 on`);
}

function typesOf({ type }: Schema, at: string): readonly string[] | undefined {
  if (type === undefined) return undefined;
  const types = [type].flat();
  if (types.length > 0 && isNames(types)) return types;
  throw refused(at, '"type" is a name or a list of names');
}

/** Without a type, the first one that its keywords speak of. */
function impliedTypes(schema: Schema): string[] {
  const [found] = Object.entries(keywordsOf).filter(([, keywords]) =>
    keywords.some((keyword) => schema[keyword] !== undefined),
  );
  return found ? [found[0]] : [];
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  return type === 'object' ? isObject(value) : typeof value === type;
}

/** An error of a part that does not know where it stands. */
function named<T>(at: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof FleetError ? refused(at, error.message) : error;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');
const refused = (at: string, why: string): FleetError =>
  new FleetError('invalid_request', `at ${at.slice(0, 200)}, ${why}`);
