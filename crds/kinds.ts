import { z } from 'zod';
import { hardwareRules } from './hardwareclass/rules.ts';
import { hardwareSpecSchema, hardwareStatusSchema } from './hardwareclass/spec.ts';
import { metadataSchema } from './metadata.ts';
import { deploymentRules } from './qwendeployment/rules.ts';
import { specSchema } from './qwendeployment/spec.ts';
import { statusSchema } from './qwendeployment/status.ts';
import { routerRules } from './qwenrouter/rules.ts';
import { routerSpecSchema } from './qwenrouter/spec.ts';
import { routerStatusSchema } from './qwenrouter/status.ts';
import type { Rule } from './rule.ts';

export const group = 'qwenfleet.io';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

/** A column of `kubectl get`. Priority 1 shows with `-o wide` only. */
export type Column = {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  description: string;
  priority?: 1;
};

/** Everything that the API server, the parser and the reference page need to know of one kind. */
export type Kind = {
  kind: string;
  plural: string;
  shortName: string;
  scope: 'Namespaced' | 'Cluster';
  description: string;
  spec: z.ZodObject;
  status: z.ZodObject;
  rules: readonly Rule[];
  columns: readonly Column[];
  /** Present where `kubectl scale` and autoscalers have something to write. */
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string };
};

const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
};
const readyReason = ".status.conditions[?(@.type=='Ready')].reason";
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was made.',
};

export const deploymentKind = {
  kind: 'QwenDeployment',
  plural: 'qwendeployments',
  shortName: 'qd',
  scope: 'Namespaced',
  description: 'One pool: a model, what it runs on, and how many replicas it may have.',
  spec: specSchema,
  status: statusSchema,
  rules: deploymentRules,
  scale,
  columns: [
    { name: 'Model', type: 'string', jsonPath: '.status.servedName', description: 'The name that clients ask for.' },
    { name: 'Tier', type: 'string', jsonPath: '.spec.tier', description: 'Which pool of the router it is.' },
    { name: 'Quant', type: 'string', jsonPath: '.spec.quantization', description: 'Precision of the weights.' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Replicas that answer.' },
    { name: 'Desired', type: 'integer', jsonPath: '.status.scaling.desired', description: 'Replicas wanted.' },
    {
      name: 'Updated',
      type: 'integer',
      jsonPath: '.status.updatedReplicas',
      description: 'Replicas of the newest revision.',
    },
    { name: 'State', type: 'string', jsonPath: readyReason, description: 'Why it is ready, or not.' },
    {
      name: 'Rev',
      type: 'string',
      jsonPath: '.status.rollout.currentRevision',
      description: 'The revision that serves.',
    },
    age,
    { name: 'URL', type: 'string', jsonPath: '.status.url', description: 'Where the pool answers.', priority: 1 },
    {
      name: 'Scaler',
      type: 'string',
      jsonPath: '.spec.scaling.owner',
      description: 'Who writes replicas.',
      priority: 1,
    },
    {
      name: 'Weight',
      type: 'integer',
      jsonPath: '.status.rollout.weight',
      description: 'Percent of the traffic at the new revision.',
      priority: 1,
    },
  ],
} as const satisfies Kind;

export const routerKind = {
  kind: 'QwenRouter',
  plural: 'qwenrouters',
  shortName: 'qr',
  scope: 'Namespaced',
  description: 'The endpoint: which pools it chooses from, and by what.',
  spec: routerSpecSchema,
  status: routerStatusSchema,
  rules: routerRules,
  scale,
  columns: [
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', description: 'Router processes wanted.' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Router processes that answer.' },
    { name: 'State', type: 'string', jsonPath: readyReason, description: 'Why it is ready, or not.' },
    { name: 'URL', type: 'string', jsonPath: '.status.url', description: 'The endpoint.' },
    age,
  ],
} as const satisfies Kind;

export const hardwareKind = {
  kind: 'HardwareClass',
  plural: 'hardwareclasses',
  shortName: 'hc',
  scope: 'Cluster',
  description: 'What the name of a kind of hardware means: resources, nodes, price and engines.',
  spec: hardwareSpecSchema,
  status: hardwareStatusSchema,
  rules: hardwareRules,
  columns: [
    {
      name: 'Resource',
      type: 'string',
      jsonPath: '.spec.accelerator.resourceName',
      description: 'Resource that a pod asks for.',
    },
    { name: 'Price', type: 'string', jsonPath: '.spec.pricePerHour', description: 'Price of one device for an hour.' },
    { name: 'Devices', type: 'integer', jsonPath: '.status.devices', description: 'Devices on the nodes.' },
    { name: 'Free', type: 'integer', jsonPath: '.status.devicesFree', description: 'Devices that no pod has.' },
    age,
  ],
} as const satisfies Kind;

export const kinds: readonly Kind[] = [deploymentKind, routerKind, hardwareKind];

const objectOf = <const K extends string, S extends z.ZodObject, T extends z.ZodObject>(kind: K, spec: S, status: T) =>
  z.strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(kind),
    metadata: metadataSchema,
    spec,
    status: status.optional(),
  });

export const deploymentSchema = objectOf('QwenDeployment', specSchema, statusSchema);
export const routerSchema = objectOf('QwenRouter', routerSpecSchema, routerStatusSchema);
export const hardwareSchema = objectOf('HardwareClass', hardwareSpecSchema, hardwareStatusSchema);

/** A `v1 Secret` as a fleet file carries it: plain text in stringData, base64 in data. */
export const secretSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata: metadataSchema,
  type: z.string().optional(),
  immutable: z.boolean().optional(),
  stringData: z.record(z.string(), z.string()).optional(),
  data: z
    .record(
      z.string(),
      z.string().regex(/^[A-Za-z0-9+/\s]*={0,2}\s*$/, 'is not base64; write plain text under stringData'),
    )
    .optional(),
});

export type QwenDeployment = z.infer<typeof deploymentSchema>;
export type QwenDeploymentStatus = z.infer<typeof statusSchema>;
export type QwenRouter = z.infer<typeof routerSchema>;
export type QwenRouterStatus = z.infer<typeof routerStatusSchema>;
export type HardwareClass = z.infer<typeof hardwareSchema>;
export type Secret = z.infer<typeof secretSchema>;
