import { readFileSync } from 'node:fs';
import path from 'node:path';
import { builtinClasses } from '@qwenfleet/crds/hardwareclass/builtin';
import { apiVersion, hardwareSchema } from '@qwenfleet/crds/kinds';
import { describe, expect, it } from 'vitest';
import { isMap, isScalar, parse, parseDocument, type YAMLMap } from 'yaml';
import { standardClasses } from './hardware-classes.ts';
import { crdsValuesSchema, valuesSchema } from './values.ts';

const text = (chart: string): string => readFileSync(path.join(import.meta.dirname, chart, 'values.yaml'), 'utf8');

describe.each([
  ['qwenfleet', valuesSchema],
  ['qwenfleet-crds', crdsValuesSchema],
] as const)('values.yaml of %s', (chart, schema) => {
  it('is what the schema takes when nobody says anything', () => {
    const values: unknown = parse(text(chart));
    expect(values).toEqual(schema.parse({}));
    expect(schema.safeParse(values).error).toBeUndefined();
  });

  it('has a comment on every value', () => {
    const document = parseDocument(text(chart));
    const silent = (map: YAMLMap, at: string): string[] =>
      map.items.flatMap(({ key, value }, index) => {
        if (!isScalar(key)) throw new Error(`${at} has a key that is no text`);
        // The comment of a first entry hangs on the map that it begins.
        const said = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? '';
        const name = `${at}${String(key.value)}`;
        // Below a comment that shows what goes there, names are the user's own.
        const below = isMap(value) && !valuesOfUsers.has(name) ? silent(value, `${name}.`) : [];
        return [...(said.trim().length < 10 ? [name] : []), ...below];
      });
    if (!isMap(document.contents)) throw new Error('no map');
    expect(silent(document.contents, '')).toEqual([]);
  });
});

const valuesOfUsers = new Set(['hardwareClasses.classes', 'pod.resources']);

describe('the standard hardware classes', () => {
  it.each(Object.entries(standardClasses))('%s is one that the API server takes', (name, { spec }) => {
    const result = hardwareSchema.safeParse({ apiVersion, kind: 'HardwareClass', metadata: { name }, spec });
    expect(result.error).toBeUndefined();
    expect(result.data?.spec.description?.length).toBeGreaterThan(10);
  });

  it('mean the same in a cluster as on a laptop', () => {
    for (const { name, spec } of builtinClasses) expect(standardClasses[name]?.spec).toEqual(spec);
  });

  it('cost more the more they can, and name no shared memory that the pod could not have', () => {
    const price = (name: string): number => Number(standardClasses[name]?.spec['pricePerHour']);
    const dear = ['nvidia-h100-1g-10gb', 'nvidia-a100-80gb', 'nvidia-h100'].map(price);
    expect(dear).toEqual(dear.toSorted((a, b) => a - b));
    for (const { spec } of Object.values(standardClasses)) {
      const { resources, sharedMemory } = spec as { resources: { memory: string }; sharedMemory?: string };
      expect(parseInt(sharedMemory ?? '0', 10)).toBeLessThan(parseInt(resources.memory, 10));
    }
  });
});

describe('values that would do harm', () => {
  const refuse = (values: unknown): string[] =>
    (valuesSchema.safeParse(values).error?.issues ?? []).map(({ path: at }) => at.join('.'));

  it.each([
    [{ scope: { namespaces: ['Team A'] } }, 'scope.namespaces.0'],
    [{ replicas: 0 }, 'replicas'],
    [{ images: { operator: { digest: 'latest' } } }, 'images.operator.digest'],
    [{ metrics: { port: 80 } }, 'metrics.port'],
    // A prefix that ends within a host's name lets other hosts in.
    [{ admissionPolicy: { modelUriPrefixes: ['https://models.example.com'] } }, 'admissionPolicy.modelUriPrefixes.0'],
    [{ admissionPolicy: { namespaces: { a: ['hf:/'] } } }, 'admissionPolicy.namespaces.a.0'],
    [{ fleet: { pools: { small: { tier: 'huge' } } } }, 'fleet.pools.small.tier'],
    [
      { hardwareClasses: { classes: { l4: { spec: { pricePerHour: 'cheap' } } } } },
      'hardwareClasses.classes.l4.spec.pricePerHour',
    ],
  ])('%j are refused at %s', (values, at) => {
    expect(refuse(values)).toEqual([at]);
  });

  it.each(['hf://', 'hf://Qwen/', 'hf://Qwen/Qwen3', 'https://models.example.com/', 'pvc://'])(
    '%s is a beginning',
    (prefix) => {
      expect(refuse({ admissionPolicy: { modelUriPrefixes: [prefix] } })).toEqual([]);
    },
  );
});
