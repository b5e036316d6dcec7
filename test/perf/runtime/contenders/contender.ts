import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';

/** What a process of the bench is told when it starts. */
export type ContenderSettings = {
  /** Weights as this engine reads them. */
  model: string;
  quantization: Quantization;
  threads: number;
  vocabularySize: number;
  /** The largest batch, and the longest prompt, that it will be asked for. */
  batchMax: number;
  promptMax: number;
  /** Tokens in the cache of each sequence that decodes. */
  pastTokens: number;
  /** The most steps of one question. */
  stepsMax: number;
  /** Where graphs are kept. */
  cacheDir: string;
  /** Folder in which the peers are installed. */
  peers: string;
};

/** One engine in a process of its own: asked for one thing at a time, and at rest otherwise. */
export type Contender = {
  /**
   * Decodes for so many sequences at once, each with `pastTokens` in its cache, logits included.
   * @returns milliseconds of each step.
   */
  decode: (batch: number, steps: number) => Promise<number[]>;
  /** Computes a prompt of so many tokens from nothing, and the logits after it. Milliseconds. */
  prefill: (tokens: number) => Promise<number>;
};

export type Question = { decode: { batch: number; steps: number } } | { prefill: number };
/** The last is of a process that failed. */
export type Answer = { ready: true } | { ms: number[] } | { error: string };

/** Tokens of a text that has no two beginnings alike. */
export function tokensOf(count: number, salt: number, vocabularySize: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 977 + 5 + salt * 31) % vocabularySize);
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
