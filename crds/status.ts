import { z } from 'zod';
import { count, text } from './field.ts';

/** A condition as Kubernetes defines it; True is always the good news. */
export const conditionSchema = z
  .strictObject({
    type: text('Type of the condition.', 64),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
    reason: text('One word for programs: why the condition is what it is.', 64),
    message: text('For people: what happened, and what to do.', 2048),
    lastTransitionTime: text('When the status last changed, RFC 3339.', 64),
    observedGeneration: count('The generation of the spec that this was seen at.', 0, 2 ** 31 - 1).optional(),
  })
  .describe('One condition.');
export type Condition = z.infer<typeof conditionSchema>;

export const conditionList = z
  .array(conditionSchema)
  .max(32)
  .meta({
    description: 'What holds and what does not, with reasons.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

/** Fields of the spec that nothing here acts on yet, so that no one is left to guess. */
export const notActedOnList = z
  .array(
    z
      .strictObject({
        path: text('The field.', 128),
        reason: text('Why nothing follows from it here.', 512),
      })
      .describe('One field.'),
  )
  .max(64)
  .meta({
    description: 'Fields of the spec that nothing acts on here, and why.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['path'],
  });
