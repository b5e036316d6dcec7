import { z } from 'zod';

/** What a list of a key may hold. */
export const scopeNamesMax = 64;

/** The path of a route of OpenAI's API, or of ours beside it. */
export const routePattern = /^\/v1(\/[a-z_]+)+$/;
export const routeRemedy = 'is not a route; write its path, such as /v1/chat/completions';

/** A moment as RFC 3339 writes it, such as `2027-01-31T00:00:00Z`: always with a zone, so that it is one moment everywhere. */
export const instantSchema = z.iso
  .datetime({ offset: true, error: 'is not a moment; write one with its zone, such as 2027-01-31T00:00:00Z' })
  .max(40);

const names = (name: z.ZodString) => z.array(name).max(scopeNamesMax);

/** What a key is for. What is left out is not restricted, and an empty list is for nothing. */
export const keyScopesSchema = z.strictObject({
  /** Pools, each with all its names, or single names of models. `auto` chooses among the pools that are named. */
  models: names(z.string().min(1))
    .refine((models) => !models.includes('auto'), {
      error: '"auto" needs no scope, since it chooses among the pools that are named; take it away',
    })
    .optional(),
  /** Paths, each with everything below it, such as `/v1/chat/completions`. */
  routes: names(z.string().regex(routePattern, routeRemedy)).optional(),
});
export type KeyScopes = z.infer<typeof keyScopesSchema>;

/** What a client may use, at one router process. What is left out is not bounded. */
export const quotaSchema = z.strictObject({
  requestsPerMinute: z.int().min(1).optional(),
  /** Prompts and answers together. */
  tokensPerMinute: z.int().min(1).optional(),
  /** Requests at the same time. */
  concurrency: z.int().min(1).optional(),
});
export type Quota = z.infer<typeof quotaSchema>;

/** One key of a client, as its digest. A client may have several: one replaces another while both are good. */
export const clientKeySchema = z.strictObject({
  /** The client's name. */
  id: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** From then on it is refused; never when left out. */
  expires: instantSchema.optional(),
  scopes: keyScopesSchema.optional(),
  /** Counted by client: its keys share it. */
  quota: quotaSchema.optional(),
});
export type ClientKey = z.infer<typeof clientKeySchema>;

export const isExpired = ({ expires }: Pick<ClientKey, 'expires'>, nowEpochMs: number): boolean =>
  expires !== undefined && nowEpochMs >= Date.parse(expires);
