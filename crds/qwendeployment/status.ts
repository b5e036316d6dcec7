import { z } from 'zod';
import { anyObject, count, text } from '../field.ts';
import { rolloutStatusSchema } from './rollout-status.ts';
import { conditionList, notActedOnList } from '../status.ts';

const replicas = (description: string): z.ZodOptional<z.ZodInt> => count(description, 0, 100_000).optional();
/** Longest text that one window of the scaler becomes; operator/scale/memory.ts drops the oldest samples beyond it. */
export const scalingMemoryLengthMax = 2048;
const memory = (description: string): z.ZodOptional<z.ZodString> =>
  text(description, scalingMemoryLengthMax).optional();
const time = (description: string): z.ZodOptional<z.ZodString> => text(`${description}, RFC 3339.`, 64).optional();

/** One decision of the scaler that changed something, or would have. */
export const scalingDecisionSchema = z
  .strictObject({
    at: text('When, RFC 3339.', 64),
    from: count('Replicas before.', 0, 100_000),
    to: count('Replicas after.', 0, 100_000),
    reason: text('Why, with the figures it was based on.', 512),
  })
  .describe('One decision.');

export const statusSchema = z
  .strictObject({
    observedGeneration: count('The generation of the spec that this status describes.', 0, 2 ** 31 - 1).optional(),
    replicas: replicas('Replicas that exist.'),
    readyReplicas: replicas('Replicas that answer.'),
    updatedReplicas: replicas('Replicas of the newest revision.'),
    availableReplicas: replicas('Replicas that have answered for a while.'),
    selector: text('Label selector of the pods, for autoscalers.', 1024).optional(),
    url: text('Where the pool answers.', 1024).optional(),
    servedName: text('The name that clients ask for.', 128).optional(),
    engine: z
      .strictObject({ type: text('Engine in use.', 32), reason: text('Why this one.', 256) })
      .describe('The engine that was chosen.')
      .optional(),
    model: z
      .strictObject({
        revision: text('The commit that was pulled.', 128).optional(),
        digest: text('Digest of the weights.', 128).optional(),
        bytes: z.int().min(0).optional().describe('Size of the weights.'),
      })
      .describe('What the model stood for when it was pulled.')
      .optional(),
    loaded: z
      .strictObject({
        adapters: z
          .array(text('Name of an adapter.', 63))
          .max(32)
          .optional()
          .describe('Adapters on every ready replica.'),
      })
      .describe('What the replicas have in memory.')
      .optional(),
    rollout: rolloutStatusSchema.optional(),
    scaling: z
      .strictObject({
        desired: replicas('Replicas wanted.'),
        lastScaleTime: time('When that last changed'),
        reason: text('Why that many.', 512).optional(),
        recommended: replicas('Replicas that it would have; differs from desired in Recommend mode only.'),
        panic: z.boolean().optional().describe('Whether a burst is being answered.'),
        panicUntil: time('When the answer to a burst ends, unless it goes on'),
        activeAt: time('When the pool was last seen busy, starting or unknown'),
        history: z
          .array(scalingDecisionSchema)
          .max(5)
          .meta({ description: 'The last decisions, newest first.', 'x-kubernetes-list-type': 'atomic' })
          .optional(),
        memory: z
          .strictObject({
            stable: memory('Load in the stable window.'),
            panic: memory('Load in the panic window.'),
            wanted: memory('Replicas that load asked for while scaleDownDelay lasts.'),
          })
          .describe(
            'What the scaler has seen lately, for the next process of the operator; not for people. Written along with other changes, never for its own sake.',
          )
          .optional(),
      })
      .describe('What the scaler decided.')
      .optional(),
    capabilities: anyObject(
      'Optional neighbours found in the cluster: keda, gatewayAPI, lws, dra and others.',
    ).optional(),
    notActedOn: notActedOnList.optional(),
    conditions: conditionList.optional(),
  })
  .describe('What is.');
