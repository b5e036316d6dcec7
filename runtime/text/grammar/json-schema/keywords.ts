import { isObject } from '@qwenfleet/core/json';
import { isNames, refused, type Schema } from './schema.ts';

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
export const keywordsOf = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems'],
  string: ['pattern', 'minLength', 'maxLength', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
} as const;
/** Those that give the values themselves: none of the above may stand beside them. */
export const whole = ['enum', 'const', 'anyOf', 'allOf', '$ref'];

/** Throws `invalid_request` for the first keyword that cannot be kept. */
export function assertSupported(schema: Schema, at: string): void {
  const stranger = unsupported.find((keyword) => schema[keyword] !== undefined);
  if (stranger === 'oneOf') throw refused(at, '"oneOf" is not supported; send "anyOf"');
  if (stranger !== undefined) throw refused(at, `"${stranger}" is not supported; leave it out`);
  if (schema['uniqueItems'] === true) throw refused(at, '"uniqueItems" is not supported; leave it out');
}

/** Names of the types that are asked for. */
export function typesOf({ type }: Schema, at: string): readonly string[] | undefined {
  if (type === undefined) return undefined;
  const types = [type].flat();
  if (types.length > 0 && isNames(types)) return types;
  throw refused(at, '"type" is a name or a list of names');
}

/** Without a type, the first one that its keywords speak of. */
export function impliedTypes(schema: Schema): string[] {
  const [found] = Object.entries(keywordsOf).filter(([, keywords]) =>
    keywords.some((keyword) => schema[keyword] !== undefined),
  );
  return found ? [found[0]] : [];
}

export function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  return type === 'object' ? isObject(value) : typeof value === type;
}
