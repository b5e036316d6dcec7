import { isObject } from '@qwenfleet/core/json';
import { call, choice, nothing, Rule, sequence, shared, text, type Expression } from './expression.ts';
import { integersBetween, numbersBetween } from './json-range.ts';
import * as json from './json.ts';
import { assertSupported, impliedTypes, isOfType, keywordsOf, typesOf, whole } from './json-schema/keywords.ts';
import { inOrder, listOf } from './json-schema/members.ts';
import { numberOf } from './json-schema/number.ts';
import { isNames, refused, sizeOf, type Schema } from './json-schema/schema.ts';
import { stringOf } from './json-schema/string.ts';

/** Levels of a schema, `$ref` not counted. */
const depthMax = 64;
/** Fields of one object. */
const propertiesMax = 1_000;
const valuesMax = 2_000;

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
    assertSupported(schema, at);
    const given = whole.find((keyword) => schema[keyword] !== undefined);
    return given === undefined ? this.#byType(schema, at, depth) : this.#whole(schema, given, at, depth);
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
