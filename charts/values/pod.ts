import { anyObject, toleration } from '@qwenfleet/crds/field';
import { z } from 'zod';

const anyMap = z.record(z.string(), z.string());

/** Where the operator's pods run and what they may use. What they may do is not a value: the chart is strict. */
export const podSchema = z
  .strictObject({
    labels: anyMap.default({}).describe('More labels.'),
    annotations: anyMap.default({}).describe('More annotations.'),
    resources: anyObject('What each pod asks for, and the most it gets.').default({
      requests: { cpu: '100m', memory: '192Mi' },
      limits: { memory: '512Mi' },
    }),
    env: z
      .array(anyObject('A variable, as in a Pod.'))
      .max(64)
      .default([])
      .meta({
        description: 'More environment variables.',
        examples: [[{ name: 'NODE_OPTIONS', value: '--max-old-space-size=384' }]],
      }),
    nodeSelector: anyMap.default({}).describe('Labels that the nodes must have.'),
    tolerations: z.array(toleration).max(32).default([]).describe('Taints of nodes that the pods tolerate.'),
    affinity: anyObject('Affinity, as in a Pod.').default({}),
    priorityClassName: z
      .string()
      .max(253)
      .default('')
      .meta({
        description: 'Priority class; empty means the one of the cluster.',
        examples: ['system-cluster-critical'],
      }),
  })
  .prefault({})
  .describe("The operator's pods.");

export const serviceAccountSchema = z
  .strictObject({
    create: z.boolean().default(true).describe('Whether this release makes it; false takes one that is there.'),
    name: z.string().max(253).default('').describe('Its name; empty means the name of the release.'),
    annotations: anyMap.default({}).describe('Annotations, such as those that tie it to a cloud identity.'),
  })
  .prefault({})
  .describe('The service account of the operator.');
