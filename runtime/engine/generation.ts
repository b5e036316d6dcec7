/** How the next token is drawn; the defaults are greedy-free plain sampling, as OpenAI's. */
export type SamplingParameters = {
  /** 0 is greedy. */
  temperature: number;
  /** 0 or -1 keeps all. */
  topK: number;
  /** 1 keeps all. */
  topP: number;
  /** Drops tokens less likely than this share of the likeliest; 0 keeps all. */
  minP: number;
  presencePenalty: number;
  frequencyPenalty: number;
  /** 1 is none; applies to prompt and answer, as in Hugging Face's generation. */
  repetitionPenalty: number;
  logitBias: ReadonlyMap<number, number>;
  /** Same seed, same prompt, same model: same tokens, whatever else is in the batch. */
  seed: number;
};

export type GenerationRequest = {
  id: string;
  promptTokens: readonly number[];
  sampling: SamplingParameters;
  maxTokens: number;
  /** Tokens that end the answer; they are not part of it. */
  stopTokens: ReadonlySet<number>;
  /** Alternatives to report with each token; undefined reports no log-probabilities at all. */
  topLogprobs?: number;
  signal: AbortSignal;
};

export type Logprob = { token: number; logprob: number };

export type GeneratedToken = {
  token: number;
  logprob?: number;
  /** Likeliest first. */
  top?: Logprob[];
};

export type GenerationEnd = {
  reason: 'stop' | 'length';
  promptTokens: number;
  completionTokens: number;
  /** Prompt tokens that were found in the cache. */
  cachedTokens: number;
  queuedMs: number;
  firstTokenMs: number;
};

/**
 * The engine as the HTTP layer sees it. Implemented by `engine.ts`.
 */
export interface GenerationEngine {
  /**
   * Yields tokens as they are computed and returns how it ended.
   * Aborting the signal, or leaving the loop, frees the slot within one step.
   * @throws FleetError `context_length_exceeded` (prompt does not fit), `queue_full`, `cancelled`, `engine_failed`,
   *   `shutting_down`.
   */
  generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, GenerationEnd, void>;
  stats(): EngineStats;
  /** Refuses new requests, waits for running ones up to the grace time, then cancels them. */
  drain(graceMs: number): Promise<void>;
}

export type EngineStats = {
  slots: number;
  running: number;
  queued: number;
  kvTokens: number;
  kvTokensMax: number;
  promptTokensTotal: number;
  completionTokensTotal: number;
  /** Since the loop last turned; grows while a step hangs. Idle engines turn on demand and count as fresh. */
  heartbeatAgeMs: number;
  contextLength: number;
};
