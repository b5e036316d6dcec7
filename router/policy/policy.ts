import type { Tier } from '@qwenfleet/core/fleet/tier';

/** A pool at the moment of a decision. */
export type PoolView = {
  name: string;
  tier: Tier;
  task: 'generate' | 'embed';
  /** Tokens, prompt and answer together. */
  contextLength: number;
  capabilities: { tools: boolean; json: boolean; vision: boolean };
  /** Relative price of a token; the largest of a fleet is 1. */
  costPerToken: number;
  /** Replicas that answer, and replicas on their way. */
  ready: number;
  starting: number;
  /** Expected time until a request begins to be answered. */
  waitMs: number;
  /** False when it neither has a replica nor can be woken, or when its replicas are all shut out. */
  available: boolean;
};

/** What a policy may look at: the text of a request, and what its answer must be able to do. */
export type ScoredRequest = {
  messages: readonly { role: string; text: string }[];
  tools: boolean;
  json: boolean;
  /** There is a picture in it. */
  vision?: boolean;
  promptTokens: number;
  maxTokens: number | undefined;
};

export type PoolVerdict = {
  name: string;
  /** Estimated chance that the pool's answer is good enough. */
  p: number;
  cost: number;
  waitMs: number;
  eligible: boolean;
  /** Why it is not eligible. */
  why?: string;
};

export type PoolDecision = {
  pool: string;
  /** Stable word for programs and headers. */
  reason: string;
  /** One sentence for people. */
  words: string;
  /** How far the choice is from the next best, in [0, 1]. */
  confidence: number;
  pools: PoolVerdict[];
  /** What was seen in the prompt and what it adds to the log-odds that the small tier is right. */
  features: Record<string, number>;
};

/**
 * Chooses a pool. Pure: the same request and the same pools give the same decision.
 * Throws `context_length_exceeded`, `unsupported` or `pool_unavailable` when no pool can answer.
 */
export type PoolPolicy = {
  name: string;
  decide: (request: ScoredRequest, pools: readonly PoolView[], objective: Objective) => PoolDecision;
};

export type Objective = { costWeight: number; waitWeight: number };
