import { z } from 'zod';
import { count, text } from '../field.ts';
import { conditionList, notActedOnList } from '../status.ts';

export const routerStatusSchema = z
  .strictObject({
    observedGeneration: count('The generation of the spec that this status describes.', 0, 2 ** 31 - 1).optional(),
    replicas: count('Router processes that exist.', 0, 1000).optional(),
    readyReplicas: count('Router processes that answer.', 0, 1000).optional(),
    selector: text('Label selector of the pods, for autoscalers.', 1024).optional(),
    url: text('The endpoint.', 1024).optional(),
    pools: z
      .array(
        z
          .strictObject({
            name: text('Name of the QwenDeployment.', 63),
            tier: text('Its tier.', 16),
            health: z.enum(['Ready', 'Starting', 'ScaledToZero', 'Unavailable']).describe('Whether it can answer.'),
            costPerToken: text('Price of a token relative to the dearest pool.', 16).optional(),
            weight: count('Percent of the traffic of its tier.', 0, 100).optional(),
            share: text('Share of the traffic that it got lately.', 16).optional(),
          })
          .describe('One pool.'),
      )
      .max(64)
      .meta({
        description: 'The pools as the router sees them.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      })
      .optional(),
    notActedOn: notActedOnList.optional(),
    conditions: conditionList.optional(),
  })
  .describe('What is.');
