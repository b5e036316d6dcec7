import { z } from 'zod';

/** What a runtime says of itself at GET /load; read by the router's replica choice and by the scaler. */
export const loadReportSchema = z.object({
  model: z.string(),
  state: z.enum(['loading', 'ready', 'draining', 'failed']),
  /** Sequences that the engine can decode at once. */
  slots: z.number().int().nonnegative(),
  running: z.number().int().nonnegative(),
  queued: z.number().int().nonnegative(),
  /** Tokens held in the KV cache and the most that fit. */
  kvTokens: z.number().int().nonnegative(),
  kvTokensMax: z.number().int().nonnegative(),
  /** Over the last ten seconds. */
  promptTokensPerSecond: z.number().nonnegative(),
  completionTokensPerSecond: z.number().nonnegative(),
  /** Age of the engine loop's last turn; a hung engine shows here while HTTP still answers. */
  heartbeatAgeMs: z.number().nonnegative(),
  adapters: z.array(z.string()),
  load: z.object({ phase: z.string(), done: z.number(), total: z.number() }).optional(),
});
export type LoadReport = z.infer<typeof loadReportSchema>;
