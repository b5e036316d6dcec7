import { z } from 'zod';
import type { Rule } from './rule.ts';

/** A structural schema of OpenAPI v3 as Kubernetes wants it: no additionalProperties beside properties, no $ref. */
export type Schema = {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  required?: string[];
  'x-kubernetes-validations'?: Validation[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
};
export type Validation = { rule: string; message: string; reason: string; fieldPath?: string; optionalOldSelf?: true };

/** Numbers that only say "a safe integer" say nothing to a reader. */
const unsaid = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];

/** From zod to the structural schema of a field and everything below it. */
export function openApiOf(schema: z.ZodType): Schema {
  return structural(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }));
}

function structural(from: Record<string, unknown>): Schema {
  const { additionalProperties, properties, items, ...rest } = from;
  delete rest['$schema'];
  delete rest['propertyNames'];
  const schema = rest as Schema;
  if (unsaid.includes(schema.minimum ?? 0)) delete schema.minimum;
  if (unsaid.includes(schema.maximum ?? 0)) delete schema.maximum;
  if (schema.type === 'integer') schema.format = (schema.maximum ?? Infinity) < 2 ** 31 ? 'int32' : 'int64';
  if (isObject(items)) schema.items = structural(items);
  if (isObject(properties)) {
    schema.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, structural(property as Record<string, unknown>)]),
    );
  } else if (isObject(additionalProperties) && !schema['x-kubernetes-preserve-unknown-fields']) {
    schema.additionalProperties = structural(additionalProperties);
  }
  if (isObject(schema.default)) schema.default = { ...defaultsBelow(schema), ...schema.default };
  return schema;
}

/** The API server checks a default against the rules before it fills in the ones below, so it must be whole. */
const defaultsBelow = (schema: Schema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(schema.properties ?? {}).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Writes the rules to where their `self` is. Throws when a rule's path leads nowhere. */
export function withRules(root: Schema, rules: readonly Rule[]): Schema {
  for (const rule of rules) {
    const at = schemaAt(root, rule.path);
    if (!at) throw new Error(`rule ${rule.id}: there is no ${rule.path} in the schema`);
    const validation: Validation = { rule: rule.cel, message: rule.message, reason: 'FieldValueInvalid' };
    if (rule.fieldPath !== undefined) validation.fieldPath = rule.fieldPath;
    if (rule.transition === 'optional') validation.optionalOldSelf = true;
    (at['x-kubernetes-validations'] ??= []).push(validation);
  }
  return root;
}

/** The schema at `spec.scaling.schedules[]`, or undefined. */
export function schemaAt(root: Schema, path: string): Schema | undefined {
  if (path === '') return root;
  return path.split('.').reduce<Schema | undefined>((at, part) => {
    const property = at?.properties?.[part.replace('[]', '')];
    return part.endsWith('[]') ? property?.items : property;
  }, root);
}
