import { z } from 'zod';

const count = z.number().int().nonnegative();

/** How far a load is: `done` of `total`, in what the phase counts (bytes, layers). */
export const loadProgressSchema = z.object({ phase: z.string(), done: z.number(), total: z.number() });

/**
 * What a runtime says of itself at GET /load; read by the router's replica choice and by the scaler. Each field is
 * explained in docs/reference/load-report.md, which a test holds against this schema.
 */
export const loadReportSchema = z.object({
  model: z.string(),
  state: z.enum(['loading', 'ready', 'draining', 'failed']),
  /** 1 for the model that the process started with, one more after each hot update; 0 while there is none. */
  generation: count,
  /** Requests that were taken and have no whole answer yet, those that wait among them. */
  requests: count,
  /** Sequences that the engine can decode at once. */
  slots: count,
  running: count,
  queued: count,
  /** How long a request that came now would wait for a slot; 0 while one is free. */
  waitMs: z.number().nonnegative(),
  /** Tokens held in the KV cache and the most that fit. */
  kvTokens: count,
  kvTokensMax: count,
  /** Over the last ten seconds, or since the start when that is less. */
  promptTokensPerSecond: z.number().nonnegative(),
  completionTokensPerSecond: z.number().nonnegative(),
  /** Since the process started, over all generations. */
  promptTokensTotal: count,
  completionTokensTotal: count,
  /** Age of the engine loop's last turn; a hung engine shows here while HTTP still answers. */
  heartbeatAgeMs: z.number().nonnegative(),
  adapters: z.array(z.string()),
  /** Of the first model, or of one that is loaded beside the one that answers. */
  load: loadProgressSchema.optional(),
});
export type LoadReport = z.infer<typeof loadReportSchema>;
