import { anyObject } from '@qwenfleet/crds/field';
import { z } from 'zod';

export const metricsSchema = z
  .strictObject({
    port: z.int().min(1024).max(65_535).default(9090).describe('Port of /metrics, /health/live and /health/ready.'),
    monitor: z
      .enum(['None', 'PodMonitor', 'ServiceMonitor'])
      .default('None')
      .describe("Object that tells the Prometheus operator to scrape the operator's metrics; None makes none."),
    interval: z
      .string()
      .regex(/^[0-9]+(ms|s|m|h)$/)
      .default('30s')
      .describe('How often the monitor scrapes.'),
    monitorLabels: z
      .record(z.string(), z.string())
      .default({})
      .meta({
        description:
          'Labels by which your Prometheus finds monitors and rules: of the operator, of routers and of pools.',
        examples: [{ release: 'prometheus' }],
      }),
    runbooksUrl: z
      .string()
      .max(1024)
      .regex(/^(https?:\/\/\S+)?$/)
      .default('')
      .describe('Where you publish docs/runbooks, which alerts then link to; empty gives them the path of their page.'),
  })
  .prefault({})
  .describe("The operator's metrics.");

export const dashboardsSchema = z
  .strictObject({
    create: z.boolean().default(false).describe('Whether there is a ConfigMap for each dashboard.'),
    namespace: z.string().max(63).default('').describe('Where; empty means the namespace of the release.'),
    labels: z
      .record(z.string(), z.string())
      .default({})
      .meta({
        description: "Labels by which Grafana's sidecar finds them; empty means its default, which is in the example.",
        examples: [{ grafana_dashboard: '1' }],
      }),
    annotations: z
      .record(z.string(), z.string())
      .default({})
      .meta({
        description: 'Annotations, such as the folder that the sidecar puts them in.',
        examples: [{ grafana_folder: 'Qwenfleet' }],
      }),
  })
  .prefault({})
  .describe('Dashboards for Grafana: fleet, pool, router, operator and cost.');

export const networkPolicySchema = z
  .strictObject({
    create: z
      .boolean()
      .default(true)
      .describe('Whether the operator may only reach the API server and routers, and only its metrics can be reached.'),
    metricsFrom: z
      .array(anyObject('A peer, as in a NetworkPolicy.'))
      .max(16)
      .default([])
      .meta({
        description: 'Who may read the metrics; empty means every pod of the cluster.',
        examples: [[{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }]],
      }),
    apiServer: z
      .strictObject({
        ports: z
          .array(z.int().min(1).max(65_535))
          .min(1)
          .max(8)
          .default([443, 6443])
          .describe('Its ports: of its Service, and of the servers behind it.'),
        cidrs: z
          .array(z.string().max(64))
          .max(16)
          .default([])
          .meta({
            description: 'Its addresses, which no label can name; empty means any address at these ports.',
            examples: [['10.0.0.0/28']],
          }),
      })
      .prefault({})
      .describe('Where the API server is.'),
    moreEgress: z
      .array(anyObject('A rule, as in a NetworkPolicy.'))
      .max(16)
      .default([])
      .describe('More that the operator may reach.'),
  })
  .prefault({})
  .describe("The network policy of the operator's pods.");
