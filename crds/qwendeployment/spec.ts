import { z } from 'zod';
import {
  anyObject,
  count,
  decimal,
  duration,
  environmentVariable,
  labels,
  listAtomic,
  listMap,
  modelName,
  name,
  quantity,
  secretRef,
  text,
  toleration,
} from '../field.ts';
import { adaptersSchema, modelSchema } from './model.ts';
import { rolloutSchema, sloSchema } from './rollout.ts';
import { scalingSchema } from './scaling.ts';

/** `7b` is what people say for the small pool; both spellings are the same tier. */
export const tierNames = ['small', 'medium', 'large', '7b', '13b', '70b', '7B', '13B', '70B'] as const;
export const quantizationNames = [
  'none',
  'float32',
  'fp8',
  'int8',
  'int4',
  'awq-int4',
  'gptq-int4',
  'gguf-q4',
] as const;
export const engineTypes = ['qwen', 'vllm', 'external', 'triton'] as const;

const engineSchema = z
  .strictObject({
    type: z
      .enum(engineTypes)
      .optional()
      .describe(
        'qwen is our own runtime, vllm and triton run in their images, external is a server that runs already. When left out: qwen on one device, vllm on several.',
      ),
    url: z
      .string()
      .max(1024)
      .regex(/^https?:\/\/[^\s]+$/, 'is not a URL; write one such as http://10.0.0.7:8000')
      .describe('Address of an external server that speaks the OpenAI API, without /v1.')
      .optional(),
    upstreamModel: modelName('What an external server calls the model; model.servedName when left out.').optional(),
    secretRef: secretRef(
      'A Secret with the bearer token of an external server.',
      'Entry that holds the token; `token` when left out.',
    ).optional(),
    pricePerMillionTokens: decimal(
      'What an external server charges for a million tokens, in the currency of the hardware classes.',
    ).optional(),
    image: text('Container image instead of the one of the hardware class.', 512).optional(),
    args: listAtomic(text('One argument.', 512), 64, 'Arguments added to those of the hardware class.').optional(),
    env: listMap(environmentVariable, 'name', 64, 'Environment variables of the engine.').optional(),
    maxConcurrency: count(
      'Requests that one replica works on at once; the hardware class decides when left out.',
      1,
      256,
    ).optional(),
    contextLength: count(
      'Longest prompt and answer together, in tokens; the hardware class decides when left out.',
      16,
      10_000_000,
    ).optional(),
    threads: count('CPU threads of one replica; the hardware class decides when left out.', 1, 256).optional(),
  })
  .describe('What runs the model.');

export const specSchema = z
  .strictObject({
    model: modelSchema.prefault({}),
    tier: z
      .enum(tierNames)
      .describe('Which pool of the router this is. 7b, 13b and 70b mean small, medium and large. Immutable.'),
    quantization: z
      .enum(quantizationNames)
      .default('none')
      .describe('Precision of the weights. none keeps them as they are; a runtime on a CPU computes them in float32.'),
    hardware: z
      .strictObject({
        class: name('Name of a HardwareClass; cpu is built in.'),
        count: count('Devices of one replica.', 1, 64).default(1),
      })
      .describe('What one replica runs on. Required, unless engine.type is external.')
      .optional(),
    parallelism: z
      .strictObject({
        tensor: count('Devices that share each layer.', 1, 64).default(1),
        pipeline: count('Groups of devices that share the layers.', 1, 64).default(1),
      })
      .describe('How several devices share a model. When left out: tensor over hardware.count devices.')
      .optional(),
    engine: engineSchema.prefault({}),
    replicas: count(
      'A fixed number of replicas, instead of scaling; with another scaling.owner than Internal, what that one and `kubectl scale` write.',
      0,
      1000,
    ).optional(),
    scaling: scalingSchema.optional(),
    coldStart: z
      .strictObject({
        maxQueued: count(
          'Requests held while the pool has no ready replica, 64 MiB of them at the most; one more is refused with 429.',
          0,
          100_000,
        ).default(1000),
        holdTimeout: duration('Longest time that a request is held.').default('120s'),
        keepAlive: duration('How often a held stream gets a comment, so that nothing between cuts it.').default('15s'),
        fallbackTier: z
          .enum(tierNames)
          .optional()
          .describe('Tier that answers in its place when holding did not help.'),
      })
      .describe('What happens to requests while the pool has no ready replica.')
      .prefault({}),
    saturation: z
      .strictObject({ queueTimeout: duration('Longest wait for a place in a replica; then 429.').default('20s') })
      .describe('What happens while every replica is full.')
      .prefault({}),
    rollout: rolloutSchema.prefault({}),
    update: z
      .strictObject({
        hot: z
          .enum(['Auto', 'Never'])
          .optional()
          .describe(
            'Auto swaps weights and adapters in the running engine when it can, which only qwen does. When left out: Auto for qwen, Never otherwise.',
          ),
      })
      .describe('How changes of weights and adapters are made.')
      .optional(),
    adapters: adaptersSchema.optional(),
    cache: z
      .strictObject({
        mode: z
          .enum(['None', 'Shared', 'Node'])
          .default('None')
          .describe('Where pulled weights are kept: in each pod, on one volume, or on each node.'),
        pvcRef: z
          .strictObject({ name: name('Name of the PersistentVolumeClaim.') })
          .describe('The volume of a shared cache.')
          .optional(),
        sizeLimit: quantity('Most that the cache may hold.').optional(),
      })
      .describe('Where pulled weights are kept.')
      .prefault({}),
    drain: z
      .strictObject({
        preStop: duration('Time for everyone to notice that a replica goes, before it refuses work.').default('15s'),
        gracePeriod: duration('Time for a replica to finish what it runs; at least 10 s more than preStop.').default(
          '120s',
        ),
      })
      .describe('How a replica ends.')
      .prefault({}),
    routing: z
      .strictObject({
        strategy: z
          .enum(['PrefixHash', 'LeastLoad'])
          .default('PrefixHash')
          .describe(
            'PrefixHash sends prompts with the same beginning to the same replica, LeastLoad to the least busy one.',
          ),
        loadFactor: count(
          "Percent of the mean load above which PrefixHash goes on to the next replica, once half of a replica's places are taken.",
          100,
          1000,
        ).default(125),
      })
      .describe('How a replica is chosen within the pool.')
      .prefault({}),
    slo: sloSchema.optional(),
    scheduling: z
      .strictObject({
        priorityClassName: text('Priority class of the pods.', 253).optional(),
        nodeSelector: labels('Labels that nodes must have, besides those of the hardware class.').optional(),
        tolerations: listAtomic(toleration, 32, 'Tolerations besides those of the hardware class.').optional(),
        topologySpread: listAtomic(
          anyObject('A topology spread constraint, as in a Pod.'),
          8,
          'How replicas are spread over nodes and zones.',
        ).optional(),
        queueName: text('Queue of Kueue that admits the pods.', 253).optional(),
      })
      .describe('Where pods may run.')
      .optional(),
    podTemplate: anyObject('Strategic merge patch of the pod template: the last word is yours.').optional(),
    paused: z.boolean().default(false).describe('Look, but do not touch: nothing is created, changed or removed.'),
    suspend: z.boolean().default(false).describe('No replicas, and no request wakes the pool.'),
  })
  .describe('What is wanted.');
