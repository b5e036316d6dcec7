import { name } from '@qwenfleet/crds/field';
import { hardwareSpecSchema } from '@qwenfleet/crds/hardwareclass/spec';
import { specSchema } from '@qwenfleet/crds/qwendeployment/spec';
import { routerSpecSchema } from '@qwenfleet/crds/qwenrouter/spec';
import { z } from 'zod';
import { standardClasses } from '../hardware-classes.ts';

const objectName = name('A name of Kubernetes.');

/** A scheme, or a scheme and a whole host or owner: an address may go on only where a name has ended. */
const uriPrefix = z
  .string()
  .max(1024)
  .regex(/^[a-z0-9]+:\/\/([^/]+\/.*)?$/, 'is not the beginning of an address; write one such as hf:// or hf://Qwen/');

export const hardwareClassesSchema = z
  .strictObject({
    create: z
      .boolean()
      .default(true)
      .describe(
        'Whether this release makes any. They belong to the cluster, so one release makes them for all; false takes those that are there.',
      ),
    classes: z
      .record(
        objectName,
        z.strictObject({
          enabled: z.boolean().default(true).describe('Whether this class is made.'),
          spec: hardwareSpecSchema,
        }),
      )
      .default(standardClasses as never) // the schema's output has every default filled in; a value is its input
      .describe('Name to class. Yours are merged over these, field by field; add as many as you have.'),
  })
  .prefault({})
  .describe('Hardware classes: what a name such as nvidia-l4 means in this cluster.');

export const admissionPolicySchema = z
  .strictObject({
    create: z
      .boolean()
      .default(false)
      .describe('Whether weights may only come from where the lists below say. Needs no webhook.'),
    modelUriPrefixes: z
      .array(uriPrefix)
      .max(64)
      .default([])
      .meta({
        description:
          'Beginnings of model.uri, adapters[].uri and model.verify.sha256Manifest in every other namespace.',
        examples: [['hf://Qwen/', 'pvc://']],
      }),
    namespaces: z
      .record(objectName, z.array(uriPrefix).max(64))
      .default({})
      .meta({
        description: 'The same for one namespace, instead.',
        examples: [{ research: ['hf://', 's3://models/'], payments: [] }],
      }),
  })
  .prefault({})
  .describe('A ValidatingAdmissionPolicy: which model addresses each namespace may use.');

export const fleetSchema = z
  .strictObject({
    namespace: z.string().max(63).default('').describe('Namespace of the fleet; empty means that of this release.'),
    router: z
      .strictObject({
        name: name('Its name.').max(40).default('qwen').describe('Its name, and that of its Service.'),
        spec: routerSpecSchema.partial().default({}).describe('Spec of the QwenRouter.'),
      })
      .prefault({})
      .describe('The endpoint. Made when there is a pool below.'),
    pools: z
      .record(name('A name of up to 40 characters.').max(40), specSchema)
      .default({})
      .meta({
        description: 'Name to spec of a QwenDeployment. Empty makes no fleet.',
        examples: [
          {
            small: {
              tier: 'small',
              model: { uri: 'hf://Qwen/Qwen3-0.6B' },
              quantization: 'int8',
              hardware: { class: 'cpu' },
            },
          },
        ],
      }),
  })
  .prefault({})
  .describe('A first fleet: a router and its pools, made together with the operator.');

export const testSchema = z
  .strictObject({
    url: z
      .string()
      .regex(/^(https?:\/\/\S+)?$/)
      .default('')
      .meta({
        description: 'Router to ask; empty means that of the fleet above.',
        examples: ['http://qwen.team-a.svc:8080'],
      }),
    model: z.string().min(1).max(128).default('auto').describe('Model to ask for.'),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(600)
      .describe('Longest wait for the answer; a pool at zero starts first, and pulls its weights the first time.'),
    apiKey: z
      .strictObject({
        secretName: z
          .string()
          .max(253)
          .default('')
          .describe('Secret of the namespace of this release with the key; empty sends none.'),
        entry: z.string().max(253).default('').describe("Entry of the Secret: the client's name."),
      })
      .prefault({})
      .describe('What the test shows to a router that asks for keys.'),
  })
  .prefault({})
  .describe('`helm test`: one real completion through the router.');
