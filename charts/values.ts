import { name } from '@qwenfleet/crds/field';
import { z } from 'zod';
import { admissionPolicySchema, fleetSchema, hardwareClassesSchema, testSchema } from './values/fleet.ts';
import { imagesSchema } from './values/images.ts';
import { neighboursSchema } from './values/neighbours.ts';
import { dashboardsSchema, metricsSchema, networkPolicySchema } from './values/network.ts';
import { podSchema, serviceAccountSchema } from './values/pod.ts';

const allowed = (what: string): z.ZodDefault<z.ZodBoolean> => z.boolean().default(true).describe(what);

/** Rights to kinds of other projects; what they stand for is in rights.ts. */
export const integrationsSchema = z
  .strictObject({
    prometheusOperator: allowed('PodMonitor and PrometheusRule.'),
    horizontalPodAutoscaler: allowed('HorizontalPodAutoscaler, for pools with scaling.owner HPA.'),
    keda: allowed('ScaledObject, for pools with scaling.owner KEDA.'),
    gatewayApi: allowed('HTTPRoute of the Gateway API.'),
    inferencePool: allowed('InferencePool of the Gateway API inference extension.'),
    leaderWorkerSet: allowed('LeaderWorkerSet, for pools over several nodes.'),
    dynamicResources: allowed('ResourceClaimTemplate, for hardware classes with accelerator.deviceClass.'),
  })
  .prefault({})
  .describe('Rights to optional kinds. To a kind that is not installed they are no rights at all.');

/** The values of chart `qwenfleet`. values.yaml and values.schema.json are made from this. */
export const valuesSchema = z.strictObject({
  scope: z
    .strictObject({
      namespaces: z
        .array(name('A namespace.'))
        .max(64)
        .default([])
        .meta({
          description: 'Namespaces that the operator serves, with rights in these only; empty means all of them.',
          examples: [['team-a', 'team-b']],
        }),
      readHardwareClasses: z
        .boolean()
        .default(true)
        .describe(
          'With a list of namespaces: whether a ClusterRole lets the operator read HardwareClasses, which belong to no namespace. false needs no right in the cluster, and leaves the built-in class cpu.',
        ),
    })
    .prefault({})
    .describe('Which namespaces the operator serves.'),
  replicas: z
    .int()
    .min(1)
    .max(5)
    .default(1)
    .describe('Pods of the operator. One works, the others wait to take over within seconds.'),
  writeQps: z
    .int()
    .min(1)
    .max(1000)
    .default(200)
    .describe('Most writes a second to the API server. A pool takes ten to come up.'),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('Least important line that is written.'),
    })
    .prefault({})
    .describe("The operator's log, one JSON object a line."),
  images: imagesSchema,
  integrations: integrationsSchema,
  neighbours: neighboursSchema,
  hardwareClasses: hardwareClassesSchema,
  fleet: fleetSchema,
  test: testSchema,
  admissionPolicy: admissionPolicySchema,
  metrics: metricsSchema,
  dashboards: dashboardsSchema,
  networkPolicy: networkPolicySchema,
  pod: podSchema,
  serviceAccount: serviceAccountSchema,
  nameOverride: z.string().max(40).default('').describe('Name of the chart in the names of objects.'),
  fullnameOverride: z.string().max(40).default('').describe('Beginning of the names of objects.'),
  global: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('What a chart above this one shares with all of its parts.'),
});

/** The values of chart `qwenfleet-crds`. */
export const crdsValuesSchema = z.strictObject({
  keep: z
    .boolean()
    .default(true)
    .describe('Whether the kinds outlive this release. Without them, every pool and router of the cluster is deleted.'),
  aggregateRoles: z
    .boolean()
    .default(true)
    .describe("Whether the cluster's roles view, edit and admin reach pools and routers too."),
  global: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('What a chart above this one shares with all of its parts.'),
});
