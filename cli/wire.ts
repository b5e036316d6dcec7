import { z } from 'zod';

/** What the endpoint tells of itself. Loose: a newer fleet may say more. */
export const poolSchema = z.looseObject({
  name: z.string(),
  tier: z.string(),
  status: z.string(),
  ready: z.number(),
  desired: z.number(),
  starting: z.number().default(0),
  inFlight: z.number(),
  held: z.number(),
  description: z.string().default(''),
  costPerToken: z.number().optional(),
  price: z.looseObject({ perReplicaHour: z.number().optional(), perMillionTokens: z.number().optional() }).default({}),
  objectives: z
    .looseObject({
      availability: z.number().optional(),
      ttftMsP95: z.number().optional(),
      itlMsP95: z.number().optional(),
      windowMs: z.number(),
    })
    .optional(),
  answered: z
    .looseObject({
      overMs: z.number(),
      requests: z.looseObject({ total: z.number(), failed: z.number() }),
      firstByteMsP95: z.number().optional(),
      lately: z.looseObject({
        requestsPerSecond: z.number(),
        tokensPerSecond: z.number(),
        firstByteMsP95: z.number().optional(),
      }),
    })
    .optional(),
  problem: z.string().optional(),
});
export type Pool = z.infer<typeof poolSchema>;
export const poolsSchema = z.looseObject({ pools: z.array(poolSchema) });

export const replicasSchema = z.looseObject({
  replicas: z.array(
    z.looseObject({
      pool: z.string(),
      id: z.string(),
      state: z.string(),
      inFlight: z.number(),
      /** Of engines of ours that answer. */
      engine: z
        .looseObject({
          slots: z.number(),
          running: z.number(),
          queued: z.number(),
          kvTokens: z.number(),
          kvTokensMax: z.number(),
          promptTokensPerSecond: z.number(),
          completionTokensPerSecond: z.number(),
        })
        .optional(),
    }),
  ),
});
export type ReplicaRow = z.infer<typeof replicasSchema>['replicas'][number];

export const explanationSchema = z.looseObject({
  pool: z.string(),
  reason: z.string(),
  words: z.string().default(''),
  pools: z.array(
    z.looseObject({
      name: z.string(),
      p: z.number(),
      cost: z.number(),
      waitMs: z.number(),
      eligible: z.boolean(),
      why: z.string().optional(),
    }),
  ),
  features: z.record(z.string(), z.unknown()).default({}),
});
export type Explanation = z.infer<typeof explanationSchema>;

export const modelListSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      status: z.string().optional(),
      pool: z.string().optional(),
      tier: z.string().optional(),
      context_length: z.number().optional(),
    }),
  ),
});
export type ModelRows = z.infer<typeof modelListSchema>['data'];

/** One event of a chat stream: a chunk, or an error in its place. */
export const chunkSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z
          .looseObject({
            content: z.string().nullish(),
            reasoning_content: z.string().nullish(),
            reasoning: z.string().nullish(),
          })
          .optional(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z.looseObject({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
  error: z.looseObject({ message: z.string(), code: z.string().nullish() }).optional(),
});
export type StreamChunk = z.infer<typeof chunkSchema>;

export const errorBodySchema = z.looseObject({
  error: z.looseObject({ message: z.string(), code: z.string().nullish() }),
});
