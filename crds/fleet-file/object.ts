import { isObject } from '@qwenfleet/core/json';
import type { z } from 'zod';
import { objectSchema } from '../crd.ts';
import {
  deploymentKind,
  deploymentSchema,
  hardwareKind,
  hardwareSchema,
  routerKind,
  routerSchema,
  secretSchema,
  type HardwareClass,
  type Kind,
  type QwenDeployment,
  type QwenRouter,
  type Secret,
} from '../kinds.ts';
import { metadataSchema } from '../metadata.ts';
import { openApiOf, type Schema } from '../openapi.ts';
import type { Rule } from '../rule.ts';
import type { FleetDocument } from './documents.ts';
import { problemsOfIssue, valueAt } from './issue.ts';
import { problemAt, type Problem } from './problem.ts';
import { didYouMean } from './suggest.ts';

export type FleetObject = QwenDeployment | QwenRouter | HardwareClass | Secret;
export type ParsedObject = { document: FleetDocument; object: FleetObject };

type Known = { parser: z.ZodType<FleetObject>; schema: Schema; rules: readonly Rule[]; apiVersion: string };

const known = new Map<string, Known>([
  ['QwenDeployment', ours(deploymentKind, deploymentSchema)],
  ['QwenRouter', ours(routerKind, routerSchema)],
  ['HardwareClass', ours(hardwareKind, hardwareSchema)],
  ['Secret', { parser: secretSchema, schema: openApiOf(secretSchema), rules: [], apiVersion: 'v1' }],
]);

function ours(kind: Kind, parser: z.ZodType<FleetObject>): Known {
  const schema = objectSchema(kind);
  if (schema.properties) schema.properties['metadata'] = openApiOf(metadataSchema);
  return { parser, schema, rules: kind.rules, apiVersion: 'qwenfleet.io/v1alpha1' };
}

/** One object, or everything that is wrong with it: types first, then rules, as the API server goes about it. */
export function parseObject(document: FleetDocument): ParsedObject | Problem[] {
  const value = withoutNulls(document.value);
  if (!isObject(value))
    return [problemAt(document, [], 'this is not an object with apiVersion, kind, metadata and spec')];
  const kind = value['kind'];
  if (typeof kind !== 'string')
    return [problemAt(document, ['kind'], `is missing; write one of ${[...known.keys()].join(', ')}`)];
  const entry = known.get(kind);
  if (!entry) {
    const hint = didYouMean(kind, [...known.keys()]);
    return [
      problemAt(
        document,
        ['kind'],
        `"${kind}" is not a kind of a fleet file${hint || `; known are ${[...known.keys()].join(', ')}`}`,
      ),
    ];
  }
  if (value['apiVersion'] !== entry.apiVersion) {
    return [
      problemAt(
        document,
        ['apiVersion'],
        `${JSON.stringify(value['apiVersion'])} is not the version of ${kind}; write ${entry.apiVersion}`,
      ),
    ];
  }
  const parsed = entry.parser.safeParse(value);
  const wrong = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => problemsOfIssue(issue, document, entry.schema));
  wrong.push(...collectionProblems(document, entry.schema, value, []));
  if (wrong.length > 0 || !parsed.success) return wrong;
  const broken = brokenRules(entry.rules, parsed.data);
  if (broken.length > 0) {
    return broken.map(({ path, message }) => problemAt(document, path, message + nowText(valueAt(parsed.data, path))));
  }
  return { document, object: parsed.data };
}

/** The API server drops fields that are null before it applies defaults; so do we. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}

/** The value that broke a rule, where it fits into a line. */
const nowText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? ` (now ${JSON.stringify(value)})` : '';

/** Rules that an object breaks. With `before`, the rules about changes too, as at an update. */
export function brokenRules(
  rules: readonly Rule[],
  object: unknown,
  before?: unknown,
): { id: string; path: PropertyKey[]; message: string }[] {
  return rules.flatMap((rule) => {
    if (rule.transition === true && before === undefined) return [];
    return expand(object, rule.path).flatMap((path) => {
      const self = valueAt(object, path);
      const old = before === undefined ? undefined : valueAt(before, path);
      if (self === undefined || (rule.transition === true && old === undefined) || rule.holds(self, old)) return [];
      const field = (rule.fieldPath ?? '').split('.').filter((part) => part !== '');
      return [{ id: rule.id, path: [...path, ...field], message: rule.message }];
    });
  });
}

/** `spec.scaling.schedules[]` to the path of each schedule that there is. */
function expand(object: unknown, rulePath: string): PropertyKey[][] {
  const parts = rulePath === '' ? [] : rulePath.split('.');
  return parts.reduce<PropertyKey[][]>(
    (paths, part) =>
      paths.flatMap((path) => {
        const next = [...path, part.replace('[]', '')];
        if (!part.endsWith('[]')) return [next];
        const list = valueAt(object, next);
        return Array.isArray(list) ? list.map((_, at) => [...next, at]) : [];
      }),
    [[]],
  );
}

/** What the API server checks of lists and maps, and zod does not: repeated keys, and too many entries. */
function collectionProblems(
  document: FleetDocument,
  schema: Schema | undefined,
  value: unknown,
  path: PropertyKey[],
): Problem[] {
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, at) => collectionProblems(document, schema?.items, item, [...path, at]));
    return [...repeated(document, schema, value, path), ...inner];
  }
  if (!isObject(value)) return [];
  const entries = Object.entries(value);
  const tooMany = entries.length > (schema?.maxProperties ?? Infinity);
  const inner = entries.flatMap(([key, item]) =>
    collectionProblems(document, schema?.properties?.[key], item, [...path, key]),
  );
  if (!tooMany) return inner;
  return [
    problemAt(document, path, `there are ${entries.length} entries; at most ${schema?.maxProperties} are allowed`),
    ...inner,
  ];
}

function repeated(
  document: FleetDocument,
  schema: Schema | undefined,
  list: unknown[],
  path: PropertyKey[],
): Problem[] {
  const listType = schema?.['x-kubernetes-list-type'];
  if (listType !== 'map' && listType !== 'set') return [];
  const keys = schema?.['x-kubernetes-list-map-keys'] ?? [];
  const identity = (item: unknown): string =>
    JSON.stringify(listType === 'set' ? item : keys.map((key) => (isObject(item) ? item[key] : undefined)));
  const seen = new Set<string>();
  return list.flatMap((item, at) => {
    const id = identity(item);
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [
      problemAt(document, [...path, at], `${keys.join(', ') || 'this'} ${id} is in the list already; remove one`),
    ];
  });
}
