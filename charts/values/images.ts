import { z } from 'zod';

/** One image: where it is below the registry, and which. */
const image = (what: string, repository: string) =>
  z
    .strictObject({
      repository: z.string().min(1).max(255).default(repository).describe('Path below the registry.'),
      tag: z.string().max(128).default('').describe('Tag; empty means the version that this chart was made for.'),
      digest: z
        .string()
        .regex(/^(sha256:[0-9a-f]{64})?$/)
        .default('')
        .describe('Digest, sha256: and 64 hexadecimal digits; it wins over the tag.'),
    })
    .prefault({})
    .describe(`The image of ${what}.`);

export const imagesSchema = z
  .strictObject({
    registry: z
      .string()
      .max(255)
      .default('ghcr.io/qwenfleet')
      .meta({
        description: 'Registry, and the folder in it, of all three; change it to take them from a mirror.',
        examples: ['registry.example.com/mirror/qwenfleet'],
      }),
    operator: image('the operator', 'operator'),
    router: image('the routers that the operator makes, and of `helm test`', 'router'),
    runtime: image('replicas whose engine is qwen', 'runtime'),
    pullPolicy: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .default('IfNotPresent')
      .describe("When a node pulls the operator's image."),
    pullSecrets: z
      .array(z.strictObject({ name: z.string().min(1).max(253) }))
      .max(16)
      .default([])
      .meta({
        description: 'Secrets of the namespace of this release with credentials of the registry.',
        examples: [[{ name: 'registry-credentials' }]],
      }),
  })
  .prefault({})
  .describe('Container images.');
