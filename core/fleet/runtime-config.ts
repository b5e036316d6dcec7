import { z } from 'zod';

export const quantizations = ['float32', 'int8', 'int4'] as const;
export type Quantization = (typeof quantizations)[number];

/** What keys and values are kept as. */
export const kvCacheDtypes = ['float32', 'int8'] as const;
export type KvCacheDtype = (typeof kvCacheDtypes)[number];

const weightsReferenceSchema = z.strictObject({
  /** `hf://`, `s3://`, `wheel://`, `file://` or `https://`; see runtime/source. */
  uri: z.string().min(1),
  revision: z.string().optional(),
  /** Wanted digest of the weights file, in hex. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type WeightsReference = z.infer<typeof weightsReferenceSchema>;

/** Which weights. */
export const modelReferenceSchema = weightsReferenceSchema.extend({
  /** LoRA adapters that are merged into them as they are loaded, in this order. */
  merge: z.array(weightsReferenceSchema).max(8).optional(),
});
export type ModelReference = z.infer<typeof modelReferenceSchema>;

/** A LoRA adapter, under the name that clients ask for to get the model with it. */
export const adapterReferenceSchema = weightsReferenceSchema.extend({ name: z.string().min(1).max(256) });
export type AdapterReference = z.infer<typeof adapterReferenceSchema>;

/** A file beside a runtime's configuration whose weights count instead of the configuration's own. */
export const modelFileName = 'model.json';

const draftTokensMax = 16;
const draftTokens = {
  error: ({ input }: { input?: unknown }) =>
    `${JSON.stringify(input)} is no number of drafts; give a whole one from 0 (off) to ${draftTokensMax}`,
};

/** What one runtime process serves. Rendered by the operator from a QwenDeployment, read by `runtime/main.ts`. */
export const runtimeConfigSchema = z.strictObject({
  /** The name clients ask for. */
  servedName: z.string().min(1),
  model: modelReferenceSchema,
  /** Ignored by BERT, which runs in float32. */
  quantization: z.enum(quantizations).default('int8'),
  listen: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65535).default(0) })
    .prefault({}),
  /** Weights, graphs and pulled files; shared between processes of one machine. */
  cacheDir: z.string().min(1),
  engine: z
    .strictObject({
      /** Sequences decoded at once, each with its own part of the KV cache. */
      slots: z.int().min(1).max(256).default(8),
      /** What keys and values are kept as; float32 when left out. int8 takes a quarter of the memory. */
      kvCacheDtype: z.enum(kvCacheDtypes).optional(),
      /** Tokens per sequence, prompt and answer together. */
      contextLength: z.int().min(16).default(2048),
      threads: z.int().min(1).max(256).default(2),
      /** Tokens of a prompt that are computed between two decode steps. */
      prefillChunkTokens: z.int().min(1).max(4096).default(128),
      /** Requests that may wait for a slot; one more is refused with 429. */
      queueMax: z.int().min(0).default(256),
      /**
       * Guesses at what comes next, from the sequence's own text, checked several in one step. Off when left out: in int8
       * and int4 the text of an answer may then differ from what it is without.
       */
      speculation: z
        .strictObject({
          /** Guesses in one step, at most; 0 is off. */
          maxDraftTokens: z.int(draftTokens).min(0, draftTokens).max(draftTokensMax, draftTokens),
        })
        .optional(),
    })
    .prefault({}),
  /** LoRA adapters beside the model; without, they cost nothing and none can be loaded. */
  adapters: z
    .strictObject({
      /** In memory at once. Of those with a name, the ones that were asked for last are. */
      places: z.int().min(1).max(64).default(8),
      /** The largest rank; memory goes by it, time by the ranks of those that share a step. */
      rankMax: z.int().min(1).max(512).default(16),
      /** With a name, at most. */
      namesMax: z.int().min(1).max(10_000).default(256),
      /** Loaded with the model. */
      list: z.array(adapterReferenceSchema).default([]),
    })
    .optional(),
  drain: z.strictObject({ graceMs: z.int().min(0).default(30_000) }).prefault({}),
  /** After a hot update: how long the old model may go on with what it had taken. */
  update: z.strictObject({ graceMs: z.int().min(0).default(600_000) }).optional(),
  /** Who may ask at /admin: this machine itself, and whoever has the token. */
  admin: z
    .strictObject({
      /** Of the bearer token, in hex: the token itself is in no file. */
      tokenSha256: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .optional(),
  bodyBytesMax: z
    .int()
    .min(1024)
    .default(8 * 1024 * 1024),
  logLevel: z.string().default('info'),
});
export type RuntimeConfig = z.infer<typeof runtimeConfigSchema>;
