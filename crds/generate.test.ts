import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { objectSchema } from './crd.ts';
import { generateCrds, generateFiles } from './generate.ts';
import { kinds } from './kinds.ts';
import { withRules, type Schema } from './openapi.ts';

const root = path.join(import.meta.dirname, '..');

/** Every schema below the metadata, with its path. */
function fields(schema: Schema, at: string): { at: string; schema: Schema }[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => fields(field, `${at}.${name}`));
  const items = schema.items ? fields(schema.items, `${at}[]`) : [];
  return [{ at, schema }, ...below, ...items];
}

const all = kinds.flatMap((kind) =>
  ['spec', 'status'].flatMap((part) => {
    const schema = objectSchema(kind).properties?.[part];
    return schema ? fields(schema, `${kind.kind}.${part}`) : [];
  }),
);

describe('generated files', () => {
  it.each([...generateFiles()])('%s is what the schemas say', (file, text) => {
    expect(readFileSync(path.join(root, file), 'utf8'), 'run npm run generate').toBe(text);
  });

  it('are one CustomResourceDefinition for each kind, with short name, category and status', () => {
    const crds = [...generateCrds().values()].map((text) => parse(text));
    expect(crds.map(({ spec }) => spec.names.shortNames[0])).toEqual(['qd', 'qr', 'hc']);
    for (const { metadata, spec } of crds) {
      expect(metadata.name).toBe(`${spec.names.plural}.qwenfleet.io`);
      expect(spec.names.categories).toEqual(['qwen']);
      expect(spec.versions[0].subresources.status).toEqual({});
    }
    expect(crds[0].spec.versions[0].subresources.scale.labelSelectorPath).toBe('.status.selector');
    expect(crds[2].spec.scope).toBe('Cluster');
  });
});

describe('the schema of every field', () => {
  it('covers what the design asks for', () => {
    expect(all.length).toBeGreaterThan(200);
  });

  it('says what the field is', () => {
    expect(all.filter(({ schema }) => (schema.description ?? '').length < 5).map(({ at }) => at)).toEqual([]);
  });

  it('is structural: a type, no additionalProperties beside properties, no references', () => {
    const broken = all.filter(({ schema }) => {
      const mixed = schema.properties !== undefined && schema.additionalProperties !== undefined;
      return mixed || '$ref' in schema || 'anyOf' in schema || 'exclusiveMinimum' in schema || !schema.type;
    });
    expect(broken.map(({ at }) => at)).toEqual([]);
  });

  it('bounds every list and every text of a spec, so that rules stay affordable', () => {
    const open = all
      .filter(({ at }) => at.includes('.spec'))
      .filter(({ schema }) => {
        if (schema.type === 'array') return schema.maxItems === undefined;
        return schema.type === 'string' && schema.maxLength === undefined && schema.enum === undefined;
      });
    expect(open.map(({ at }) => at)).toEqual([]);
  });

  it('lists tell their items apart', () => {
    const lists = all.filter(({ at, schema }) => schema.type === 'array' && at.includes('.spec'));
    expect(lists.filter(({ schema }) => !schema['x-kubernetes-list-type']).map(({ at }) => at)).toEqual([]);
    for (const { schema } of lists.filter(({ schema: list }) => list['x-kubernetes-list-type'] === 'map')) {
      expect(schema.items?.required).toEqual(expect.arrayContaining(schema['x-kubernetes-list-map-keys'] ?? []));
    }
  });

  it('gives groups their whole default, because the API server checks it against the rules as it is', () => {
    const drain = all.find(({ at }) => at === 'QwenDeployment.spec.drain');
    expect(drain?.schema.default).toEqual({ preStop: '15s', gracePeriod: '120s' });
  });

  it('requires of a pool only its tier; model and hardware are required by rules that say why', () => {
    const spec = all.find(({ at }) => at === 'QwenDeployment.spec');
    expect(spec?.schema.required).toEqual(['tier']);
  });
});

it('a rule that also holds with no object before asks the API server for that', () => {
  const about = { path: 'spec', cel: 'true', message: 'x', holds: () => true };
  const schema = withRules({ properties: { spec: {} } }, [
    { ...about, id: 'either', transition: 'optional' },
    { ...about, id: 'update', transition: true },
  ]);
  const [either, update] = schema.properties?.['spec']?.['x-kubernetes-validations'] ?? [];
  expect(either?.optionalOldSelf).toBe(true);
  expect(update).not.toHaveProperty('optionalOldSelf');
});

it('a rule whose path leads nowhere is an error of ours', () => {
  const stray = { id: 'stray', path: 'spec.nowhere', cel: 'true', message: 'x', holds: () => true };
  expect(() => withRules({ properties: { spec: { properties: {} } } }, [stray])).toThrow(/stray.*spec\.nowhere/);
});
