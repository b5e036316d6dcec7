import { brokenRules } from '@qwenfleet/crds/fleet-file/object';
import {
  apiVersion,
  deploymentKind,
  deploymentSchema,
  hardwareKind,
  hardwareSchema,
  routerKind,
  routerSchema,
  type HardwareClass,
  type Kind,
  type QwenDeployment,
  type QwenRouter,
} from '@qwenfleet/crds/kinds';
import { openApiOf, type Schema } from '@qwenfleet/crds/openapi';
import fc from 'fast-check';
import type { z } from 'zod';

type Json = Record<string, unknown>;
type Overrides = Readonly<Record<string, fc.Arbitrary<unknown>>>;

const objectName = fc.stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/);
const labels = fc.dictionary(
  fc.stringMatching(/^([a-z]{1,8}\.io\/)?[a-z]([-a-z.]{0,8}[a-z])?$/),
  fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?$/),
  { maxKeys: 3 },
);
const path = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,2}$/);

const uri = fc.oneof(
  fc.tuple(objectName, objectName).map(([owner, name]) => `hf://${owner}/${name}`),
  fc.tuple(objectName, objectName).map(([owner, name]) => `hf://${owner}/${name}/weights.gguf`),
  path.map((rest) => `s3://bucket/${rest}`),
  fc.tuple(objectName, path).map(([claim, rest]) => `pvc://${claim}/${rest}`),
  objectName.map((claim) => `pvc://${claim}`),
  objectName.map((image) => `oci://example.com:5000/${image}`),
  fc.tuple(objectName, path).map(([image, rest]) => `oci://${image}#${rest}`),
  path.map((rest) => `https://example.com:8443/${rest}.gguf`),
  path.map((rest) => `file:///models/${rest}`),
  path.map((rest) => `wheel://package@1.0/${rest}`),
  fc.constantFrom('hf://', 'pvc:///x', 'oci://A B', 's3://', 'pvc://claim/../other'),
);

/** Mostly what works, so that most pools have pods; what does not is refused, and must be refused well. */
const mostly = (usual: fc.Arbitrary<unknown>, ...others: unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 60, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const goodPodTemplate = fc.constantFrom(
  {},
  { metadata: { annotations: { team: 'a' }, labels: { 'qwenfleet.io/revision': 'mine' } } },
  { spec: { hostAliases: [{ ip: '10.0.0.1', hostnames: ['a'] }], terminationGracePeriodSeconds: 2 ** 31 - 1 } },
  {
    spec: {
      containers: [
        { name: 'engine', env: [{ name: 'A', value: 'b' }] },
        { name: 'side', image: 'a' },
      ],
    },
  },
  { spec: { tolerations: [{ key: 'a', operator: 'Exists' }], volumes: [{ name: 'extra', emptyDir: {} }] } },
  { spec: { securityContext: null, topologySpreadConstraints: null } },
);
const podTemplate = mostly(
  goodPodTemplate,
  { spec: { containers: [{ image: 'nameless' }] } },
  { $setElementOrder: [] },
);

const variable = mostly(
  fc.oneof(
    fc.record({ name: fc.stringMatching(/^[A-Z]{1,3}$/), value: fc.string({ maxLength: 8 }) }),
    fc.record({
      name: fc.stringMatching(/^[A-Z]{1,3}$/),
      valueFrom: fc.constantFrom(
        { fieldRef: { fieldPath: 'status.podIP' } },
        { secretKeyRef: { name: 'a', key: 'b', optional: true } },
      ),
    }),
    fc.constantFrom(
      { name: 'HF_ENDPOINT', value: 'http://hub.local:8080' },
      { name: 'AWS_ENDPOINT_URL', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } },
      { name: 'HOME', value: '/home' },
    ),
  ),
  { name: 'BOTH', value: 'a', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
);
const toleration = mostly(
  fc.constantFrom(
    { operator: 'Exists' },
    { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
    { key: 'team', value: 'a' },
    { key: 'spot', operator: 'Equal', value: 'true', effect: 'NoExecute', tolerationSeconds: 30 },
  ),
  { value: 'a' },
  { key: '!' },
);
const image = mostly(fc.constantFrom('example.com/engine:1', 'engine@sha256:abc'), '', 'a b');
const secretKey = mostly(fc.constantFrom('token', 'HF_TOKEN', '.key'), 'a b', '..');

/** Fields whose text has a meaning that their schema does not know. */
const overrides: Overrides = {
  'spec.model.uri': uri,
  'spec.model.revision': fc.constantFrom('main', 'v1.0', 'a'.repeat(40), `sha256:${'b'.repeat(64)}`),
  'spec.model.secretRef.name': objectName,
  'spec.engine.secretRef.name': objectName,
  'spec.model.secretRef.key': secretKey,
  'spec.engine.image': image,
  'spec.engines[].image': image,
  'spec.engine.env[]': variable,
  'spec.engines[].env[]': variable,
  'spec.scheduling.tolerations[]': toleration,
  'spec.tolerations[]': toleration,
  'spec.accelerator.resourceName': mostly(fc.constantFrom('nvidia.com/gpu', 'nvidia.com/mig-1g.10gb'), 'gpu', '.'),
  'spec.accelerator.deviceClass': mostly(objectName, 'A B'),
  'spec.scheduling.topologySpread[]': fc.constantFrom(
    { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
    {
      maxSkew: 2,
      topologyKey: 'rack',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { a: 'b' } },
    },
  ),
  'spec.scheduling.nodeSelector': labels,
  'spec.nodeSelector': labels,
  'spec.scheduling.priorityClassName': objectName,
  'spec.scheduling.queueName': mostly(objectName, 'not a queue'),
  'spec.podTemplate': podTemplate,
  'spec.hardware.class': fc.constantFrom('cpu', 'gpu'),
  'spec.hardware.count': mostly(fc.constantFrom(1, 2, 4), 64),
  'spec.parallelism.tensor': fc.constantFrom(1, 2, 4, 8),
  'spec.parallelism.pipeline': fc.constantFrom(1, 2),
  'spec.cache.pvcRef.name': objectName,
  'spec.accelerator.countMax': mostly(fc.constant(8), 1, 64),
  'spec.engine.type': mostly(fc.constantFrom('qwen', 'vllm', 'triton'), 'external'),
  'spec.pools.selector.matchLabels': labels,
};

function arbitraryOf(schema: Schema, at: string): fc.Arbitrary<unknown> {
  const override = overrides[at];
  if (override) return override;
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.type === 'string') return stringOf(schema);
  if (schema.type === 'integer') {
    // Small numbers are the interesting ones, and the largest is one.
    const [min, max] = [schema.minimum ?? 0, schema.maximum ?? 1000];
    return fc.oneof(fc.integer({ min, max: Math.min(max, min + 8) }), fc.constant(max));
  }
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'array') return listOf(schema, at);
  return objectOf(schema, at);
}

function stringOf({ pattern, minLength, maxLength = 64 }: Schema): fc.Arbitrary<string> {
  if (pattern === undefined) return fc.string({ minLength: minLength ?? 0, maxLength: Math.min(maxLength, 24) });
  return fc.stringMatching(new RegExp(pattern), { size: '-1' }).filter((text) => text.length <= maxLength);
}

function listOf({ items = {}, maxItems = 3, ...rest }: Schema, at: string): fc.Arbitrary<unknown> {
  const keys = rest['x-kubernetes-list-map-keys'];
  return fc.uniqueArray(arbitraryOf(items, `${at}[]`), {
    maxLength: Math.min(3, maxItems),
    selector: (item) => JSON.stringify(keys ? keys.map((key) => (item as Json)[key]) : item),
  });
}

function objectOf(schema: Schema, at: string): fc.Arbitrary<Json> {
  const entries = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name,
    arbitraryOf(property, `${at}.${name}`),
  ]);
  return fc.record(Object.fromEntries(entries) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: schema.required ?? [],
  });
}

/**
 * Takes away what breaks a rule, field by field, until nothing does: rules are about fields that may be left out. They
 * see what the API server sees, an object with its defaults.
 */
function repaired<T>(kind: Kind, schema: z.ZodType<T>, object: Json): T | undefined {
  for (let round = 0; round < 12; round += 1) {
    const parsed = schema.safeParse(object).data;
    if (parsed === undefined) return undefined;
    const [broken] = brokenRules(kind.rules, parsed);
    if (!broken) return parsed;
    removeAt(object, broken.path);
  }
  return undefined;
}

function removeAt(object: Json, at: readonly PropertyKey[]): void {
  let holder: unknown = object;
  for (const key of at.slice(0, -1)) holder = (holder as Record<PropertyKey, unknown> | undefined)?.[key];
  const last = at.at(-1);
  if (typeof holder === 'object' && holder !== null && last !== undefined) Reflect.deleteProperty(holder, last);
}

function valid<T>(kind: Kind, schema: z.ZodType<T>): fc.Arbitrary<T> {
  return fc
    .tuple(objectName, objectOf(openApiOf(kind.spec), 'spec'))
    .map(([name, spec]) => {
      const metadata = { name, ...(kind.scope === 'Namespaced' ? { namespace: 'fleet', uid: `uid-${name}` } : {}) };
      return repaired(kind, schema, { apiVersion, kind: kind.kind, metadata, spec: structuredClone(spec) });
    })
    .filter((object) => object !== undefined);
}

/** Any object that the API server would accept. */
export const anyDeployment: fc.Arbitrary<QwenDeployment> = valid(deploymentKind, deploymentSchema);
export const anyHardwareClass: fc.Arbitrary<HardwareClass> = valid(hardwareKind, hardwareSchema);
export const anyRouter: fc.Arbitrary<QwenRouter> = valid(routerKind, routerSchema);
