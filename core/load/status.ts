import { z } from 'zod';
import { modelReferenceSchema, quantizations } from '../fleet/runtime-config.ts';
import { loadProgressSchema } from './report.ts';

const count = z.number().int().nonnegative();

/** Dimensions of a model in memory. */
export const modelShapeSchema = z.object({
  layers: count,
  hiddenSize: count,
  heads: count,
  vocabularySize: count,
  /** Tokens of one sequence, prompt and answer: what the model was trained for, or less when the pool says so. */
  contextLength: count,
});

export const loadedModelSchema = z.object({
  generation: count,
  /** What was asked for, word by word; the two below are what that was resolved to. */
  asked: modelReferenceSchema,
  uri: z.string(),
  /** What was asked for, resolved to a commit where the source has such. */
  revision: z.string().optional(),
  /** Hex sha256 over the weights files. */
  digest: z.string(),
  family: z.string(),
  task: z.enum(['generate', 'embed']),
  quantization: z.enum(quantizations),
  shape: modelShapeSchema,
  loadedAt: z.iso.datetime(),
  /** Requests that this generation has not answered yet. */
  requests: count,
});

/** What a runtime says at GET /admin/status; read by whoever rolls out new weights. */
export const runtimeStatusSchema = z.object({
  model: z.string(),
  state: z.enum(['loading', 'ready', 'draining', 'failed']),
  /** What answers; absent until the first load is done. */
  loaded: loadedModelSchema.optional(),
  /** Earlier generations that still answer what they had taken. */
  retiring: z.array(z.object({ generation: count, requests: count })),
  /** The last update that was asked for. */
  update: z
    .object({
      state: z.enum(['loading', 'done', 'failed']),
      model: modelReferenceSchema,
      progress: loadProgressSchema.optional(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    })
    .optional(),
  /** May POST /admin/load be asked now? */
  hotUpdate: z.boolean(),
  /** Why not. `Memory` stays so; the others pass. */
  hotUpdateRefused: z.strictObject({ reason: z.enum(['NotReady', 'Busy', 'Memory']), message: z.string() }).optional(),
});
export type RuntimeStatus = z.infer<typeof runtimeStatusSchema>;
export type LoadedModelStatus = NonNullable<RuntimeStatus['loaded']>;

/** POST /admin/load: weights that are to answer under the same name. */
export const loadRequestSchema = z.strictObject({
  model: modelReferenceSchema,
  /** Only weights of the shape that answers now: for whoever gave the process no more memory than that takes. */
  sameShape: z.boolean().default(false),
});
export type LoadRequest = z.infer<typeof loadRequestSchema>;
