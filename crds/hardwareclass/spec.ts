import { z } from 'zod';
import {
  count,
  decimal,
  environmentVariable,
  labels,
  listAtomic,
  listMap,
  name,
  quantity,
  text,
  toleration,
} from '../field.ts';
import { engineTypes } from '../qwendeployment/spec.ts';

export const hardwareSpecSchema = z
  .strictObject({
    description: text('For people: what it is.', 512).optional(),
    accelerator: z
      .strictObject({
        resourceName: z
          .string()
          .max(253)
          .regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9._-]+$/, 'is not a resource name; write one such as nvidia.com/gpu')
          .describe('Resource that a pod asks for, such as nvidia.com/gpu or nvidia.com/mig-1g.10gb.')
          .optional(),
        memory: quantity('Memory of one device.').optional(),
        countMax: count('Most devices on one node.', 1, 64).default(8),
        deviceClass: text('Device class for dynamic resource allocation, instead of resourceName.', 253).optional(),
      })
      .describe('The device that is counted. Left out: the class has none, and engines run on CPU.')
      .optional(),
    resources: z
      .strictObject({
        cpu: quantity('CPU for each device.').optional(),
        memory: quantity('Memory for each device.').optional(),
        ephemeralStorage: quantity('Local disk for each device.').optional(),
      })
      .describe('What else a replica asks for, for each device.')
      .prefault({}),
    sharedMemory: quantity('Size of /dev/shm, which tensor parallelism needs.').optional(),
    runtimeClassName: name('Runtime class of the pods.').optional(),
    nodeSelector: labels('Labels of the nodes that have it.').optional(),
    tolerations: listAtomic(toleration, 32, 'Taints of these nodes that the pods tolerate.').optional(),
    pricePerHour: decimal(
      'Price of one device for an hour, in any currency that is the same for every class.',
    ).optional(),
    tokensPerSecond: z
      .strictObject({
        small: decimal('For a model of the small tier.').optional(),
        medium: decimal('For a model of the medium tier.').optional(),
        large: decimal('For a model of the large tier.').optional(),
      })
      .describe(
        'Tokens that one device writes in a second, as measured; with pricePerHour it gives the price of a token.',
      )
      .optional(),
    maxConcurrency: count('Requests that one replica works on at once, where a pool does not say.', 1, 256).default(64),
    contextLength: count(
      'Longest prompt and answer together in tokens, where a pool does not say.',
      16,
      10_000_000,
    ).default(8192),
    threads: count('CPU threads of one replica, where a pool does not say.', 1, 256).optional(),
    engines: listMap(
      z
        .strictObject({
          type: z.enum(engineTypes).describe('The engine.'),
          image: text('Its container image.', 512).optional(),
          args: listAtomic(text('One argument.', 512), 64, 'Its arguments.').optional(),
          env: listMap(environmentVariable, 'name', 64, 'Its environment variables.').optional(),
        })
        .describe('One engine.'),
      'type',
      8,
      'How engines are run on this hardware.',
    ).optional(),
  })
  .describe('What the class means.');

export const hardwareStatusSchema = z
  .strictObject({
    observedGeneration: count('The generation of the spec that this status describes.', 0, 2 ** 31 - 1).optional(),
    devices: count('Devices on the nodes of the cluster.', 0, 1_000_000).optional(),
    devicesFree: count('Devices that no pod has.', 0, 1_000_000).optional(),
  })
  .describe('What is.');
