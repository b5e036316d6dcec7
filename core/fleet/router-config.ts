import { z } from 'zod';
import { tracingSchema } from '../telemetry/config.ts';
import { clientKeySchema } from './client-key.ts';
import { tierSchema } from './tier.ts';

/** Revisions of one pool that may have a weight of their own at the same time. */
export const revisionsMax = 16;

/** Percent of a pool's requests by revision; revisions that are not named share what is left of 100. */
const weightsSchema = z
  .record(z.string().min(1).max(63), z.number().min(0).max(100))
  .refine((weights) => Object.keys(weights).length <= revisionsMax, {
    error: `at most ${revisionsMax} revisions may have a weight`,
  })
  .refine((weights) => Object.values(weights).reduce((sum, weight) => sum + weight, 0) <= 100 + 1e-9, {
    error: 'weights are percent and must not add up to more than 100',
  });

/** Requests with this header go to the revision, whatever the weights; others follow the weights. */
const headerRuleSchema = z.strictObject({
  name: z.string().min(1).max(64),
  value: z.string().max(128),
  revision: z.string().min(1).max(63),
});
export type HeaderRule = z.infer<typeof headerRuleSchema>;

/** How a replica is chosen within a pool. */
const routingSchema = z.strictObject({
  /** PrefixHash sends prompts with the same beginning to the same replica, LeastLoad to the least busy one. */
  strategy: z.enum(['PrefixHash', 'LeastLoad']).default('PrefixHash'),
  /** Percent of the mean load above which a replica's requests go on to the next. */
  loadFactor: z.int().min(100).max(1000).default(125),
});
export const routingDefault = routingSchema.parse({});

/** In the currency of the hardware classes; what is not known is left out. */
const priceSchema = z.strictObject({
  /** Of one replica, whether it works or waits. */
  perReplicaHour: z.number().nonnegative().optional(),
  /** What a server elsewhere charges, prompts and answers alike. */
  perMillionTokens: z.number().nonnegative().optional(),
});
export type PoolPrice = z.infer<typeof priceSchema>;

/** What a pool promises; what it does not is left out. */
const objectivesSchema = z.strictObject({
  /** Percent of requests that are answered. */
  availability: z.number().nonnegative().optional(),
  /** 95th percentiles of the time to the first token, and between two. */
  ttftMsP95: z.number().nonnegative().optional(),
  itlMsP95: z.number().nonnegative().optional(),
  windowMs: z.number().nonnegative(),
});
export type PoolObjectives = z.infer<typeof objectivesSchema>;

/** One pool as the router sees it; rendered by the operator from a QwenDeployment. */
export const poolConfigSchema = z.strictObject({
  name: z.string().min(1),
  tier: tierSchema,
  /** Names a client may ask for besides the pool's own: served name, aliases, adapters. */
  models: z.array(z.string().min(1)).default([]),
  /** Those of `models` that the pool's own server knows by the same name. */
  adapters: z.array(z.string().min(1)).optional(),
  /** What the pool's own server calls the model. */
  upstreamModel: z.string().min(1),
  engine: z.enum(['qwen', 'vllm', 'external', 'triton']),
  task: z.enum(['generate', 'embed']).default('generate'),
  /** For people: what is served and why, such as "SmolLM2-135M-Instruct int4". */
  description: z.string().default(''),
  contextLength: z.int().min(1),
  capabilities: z
    .strictObject({
      tools: z.boolean().default(false),
      json: z.boolean().default(false),
      vision: z.boolean().default(false),
    })
    .prefault({}),
  /** Relative price of a token; the largest of a fleet is 1. */
  costPerToken: z.number().nonnegative(),
  price: priceSchema.optional(),
  objectives: objectivesSchema.optional(),
  /** Requests that one replica answers at once; more wait. */
  concurrency: z.int().min(1),
  /** Bearer token sent to the pool's servers. */
  apiKey: z.string().optional(),
  hold: z
    .strictObject({
      /** Requests held while the pool has no ready replica, and their bytes. */
      queueMax: z.int().min(0).default(1_000),
      queueBytesMax: z
        .int()
        .min(0)
        .default(64 * 1024 * 1024),
      timeoutMs: z.int().min(0).default(120_000),
      /** While held, a streaming request that asked for it gets a comment this often. */
      keepAliveMs: z.int().min(100).default(15_000),
    })
    .prefault({}),
  /** A pool whose replicas are all full queues this long, then answers 429. */
  saturation: z.strictObject({ queueTimeoutMs: z.int().min(0).default(20_000) }).prefault({}),
  fallbackTier: tierSchema.optional(),
  /** The default when left out. */
  routing: routingSchema.optional(),
  weights: weightsSchema.default({}),
  header: headerRuleSchema.optional(),
});
export type PoolConfig = z.infer<typeof poolConfigSchema>;

/** Everything but the pools, which a file may describe in its own way. */
export const routerSettingsSchema = z.strictObject({
  name: z.string().min(1).default('router'),
  listen: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65535).default(8080) })
    .prefault({}),
  objective: z
    .strictObject({
      /** Lambda: what a whole cost unit must buy in p(correct). */
      costWeight: z.number().nonnegative().default(0.3),
      /** Wanted share of the requests for `auto` that the large tier gets; the cost weight then follows the traffic. */
      largeShare: z.number().min(0).max(1).optional(),
      /** Mu: p(correct) given up for a second less of waiting. */
      waitWeight: z.number().nonnegative().default(0.002),
    })
    .prefault({}),
  /** What judges prompts; the model that is shipped, unless it is said otherwise. */
  scorer: z
    .strictObject({
      /** A model file on the router's disk, made by `qwenfleet route train`. */
      file: z.string().min(1).optional(),
    })
    .optional(),
  /** Clients' keys, hashed; none means that the endpoint is open. */
  keys: z.array(clientKeySchema).default([]),
  /** Requests whose header, or `prompt_cache_key`, names the same session go to the same replica of a pool. */
  session: z.strictObject({ header: z.string().min(1).max(64) }).optional(),
  timeouts: z
    .strictObject({
      connectMs: z.int().min(1).default(2_000),
      firstByteMs: z.int().min(1).default(120_000),
      /** Longest silence between two chunks. */
      idleMs: z.int().min(1).default(60_000),
      totalMs: z.int().min(1).default(600_000),
    })
    .prefault({}),
  retry: z.strictObject({ attemptsMax: z.int().min(1).max(10).default(3) }).prefault({}),
  bodyBytesMax: z
    .int()
    .min(1024)
    .default(8 * 1024 * 1024),
  /** Origins whose pages may call the endpoint from a browser, such as `https://chat.example.com`; `*` is any. */
  cors: z.strictObject({ origins: z.array(z.string().min(1)).max(64).default([]) }).prefault({}),
  /** Tokens of each client at /metrics, under its name: whoever reaches the endpoint can read them there. */
  metrics: z.strictObject({ clients: z.boolean() }).optional(),
  tracing: tracingSchema.optional(),
  drain: z
    .strictObject({
      /** After it was told to stop: unready but still serving, until whoever sends requests has noticed. */
      noticeMs: z.int().min(0).default(0),
      /** Then nothing new is taken, and running answers have this long. */
      graceMs: z.int().min(0).default(30_000),
    })
    .prefault({}),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** A pool's name is how its state is found again after a change, so no two may share it. */
export const uniqueNames = (pools: readonly { name: string }[]): boolean =>
  new Set(pools.map(({ name }) => name)).size === pools.length;
export const poolsMax = 64;

export const routerConfigSchema = routerSettingsSchema.extend({
  pools: z.array(poolConfigSchema).min(1).max(poolsMax).refine(uniqueNames, { error: 'two pools have the same name' }),
});
export type RouterConfig = z.infer<typeof routerConfigSchema>;
