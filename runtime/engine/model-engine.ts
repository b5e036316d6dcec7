/** What every engine can do besides its work. */
export interface ModelEngine {
  stats(): EngineStats;
  /**
   * Refuses new requests, waits for running ones up to the grace time, then cancels them.
   * @returns false when a step hangs and cannot be ended: what it uses must then not be released.
   */
  drain(graceMs: number): Promise<boolean>;
  /** Frees the model. Only after a drain that came to rest. */
  release(): Promise<void>;
}

export type EngineStats = {
  slots: number;
  running: number;
  queued: number;
  kvTokens: number;
  kvTokensMax: number;
  /** How long a request that came now would wait for its turn, from how long the last ones took. */
  waitMs: number;
  /** Since the loop last turned; grows while a step hangs. Idle engines turn on demand and count as fresh. */
  heartbeatAgeMs: number;
  /** The longest step so far, warming up included: what is long for this model on this machine. */
  longestStepMs: number;
  contextLength: number;
};

/** One run of the model, as telemetry sees it. Steps that serve questions of our own only are not told. */
export type StepReport = {
  kind: 'prefill' | 'decode' | 'encode';
  sequences: number;
  /** Tokens that were fed to the model. */
  tokens: number;
  /** Tokens that were added to answers. */
  drawn: number;
  /** Guesses among those that were fed, and how many of them were right. */
  drafted: number;
  accepted: number;
  durationMs: number;
};
