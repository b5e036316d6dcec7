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
  /** How near its queue is to turning requests away: 0 while nobody waits, from 1 on one more would wait in vain. */
  pressure: number;
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
  /** What a whole cost unit had to buy in p(correct), where pools were weighed. */
  costWeight?: number;
  /** What the steering of a wanted share learns; nothing where only one of the two, large tier or others, could answer anybody. */
  largeChoice?: LargeChoice;
};

export type LargeChoice = {
  /** Below this cost weight the request goes to the large tier: infinite when no other can answer it, -infinite when it cannot. */
  price: number;
  /** It would go there if nobody waited. What a wait moves is not made up for later: that would fill the queue again. */
  large: boolean;
};

/**
 * Chooses a pool. Pure: the same request and the same pools give the same decision.
 * Throws `context_length_exceeded`, `unsupported` or `pool_unavailable` when no pool can answer.
 */
export type PoolPolicy = {
  name: string;
  decide: (request: ScoredRequest, pools: readonly PoolView[], objective: Objective) => PoolDecision;
};

/** Lambda and mu; the cost weight is a number, or what a wanted share makes of a request's price. */
export type Objective = Weighing & { steer?: ((price: number | undefined) => number | undefined) | undefined };
export type Weighing = { costWeight: number; waitWeight: number };
