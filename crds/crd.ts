import { group, version, type Kind } from './kinds.ts';
import { openApiOf, withRules, type Schema } from './openapi.ts';

/** The schema of a whole object of a kind, rules included. */
export function objectSchema(kind: Kind): Schema {
  const schema: Schema = {
    type: 'object',
    description: kind.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Group and version of the API.' },
      kind: { type: 'string', description: 'The kind of object.' },
      // The server lets a schema say no more of metadata; rules about the name need it.
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
      spec: openApiOf(kind.spec),
      status: openApiOf(kind.status),
    },
  };
  return withRules(schema, kind.rules);
}

/** `kubectl explain` prints descriptions and no defaults, so each description says its own. */
function explained(schema: Schema): Schema {
  const { default: value, description, properties, items } = schema;
  const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
  const says = isPlain ? `${description} Default: ${String(value)}.` : description;
  return {
    ...schema,
    ...(says === undefined ? {} : { description: says }),
    ...(items ? { items: explained(items) } : {}),
    ...(properties
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, explained(each)])) }
      : {}),
  };
}

/** The CustomResourceDefinition of a kind, ready for `kubectl apply`. */
export function customResourceDefinition(kind: Kind): Record<string, unknown> {
  const scale = kind.scale ? { scale: kind.scale } : {};
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      scope: kind.scope,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: [kind.shortName],
        categories: ['qwen'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...scale },
          additionalPrinterColumns: kind.columns,
          schema: { openAPIV3Schema: explained(objectSchema(kind)) },
        },
      ],
    },
  };
}
