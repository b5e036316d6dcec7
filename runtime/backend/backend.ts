import type { KvCacheDtype } from '@qwenfleet/core/fleet/runtime-config';

/** Part of one sequence that a run computes. */
export type StepRow = {
  /** New tokens, in order; one while decoding, up to a chunk while prefilling. */
  tokens: readonly number[];
  /** Tokens of this sequence that are in the KV cache already. */
  past: number;
  /** Where the sequence's adapter lies, counted from 1; without one, the model is as it is. */
  adapter?: number | undefined;
};

/**
 * One run of the model over the adjacent slots `firstSlot .. firstSlot + rows.length - 1`.
 * Either every row has exactly one token (decode), or there is exactly one row (prefill, its next chunk, or a token with
 * guesses at what follows it).
 */
export type Step = {
  firstSlot: number;
  rows: readonly StepRow[];
  /**
   * False for a prefill chunk that is not the prompt's last: no logits are computed. `every` asks for those of each token
   * of the only row, which then has `slots` tokens at most, or one more than the model was loaded to take as drafts.
   */
  wantLogits: boolean | 'every';
};

/** What an adapter adds to one projection of one layer: `output += input × downᵀ × upᵀ`. */
export type AdapterMatrix = {
  projection: string;
  layer: number;
  rank: number;
  /** `[rank, columns]`, row-major. */
  down: Float32Array;
  /** `[rows, rank]`, row-major; the adapter's scale is in it. */
  up: Float32Array;
};

/** Memory for adapters beside a decoder, in places of one size. */
export interface AdapterPlaces {
  readonly count: number;
  /** The largest rank that fits a place. */
  readonly rankMax: number;
  /**
   * Writes an adapter to a place, counted from 1, over what was there; turns of the event loop lie between matrices. Only
   * for a place that no step uses meanwhile. Throws what `matrices` throws, `engine_failed` once the model is released.
   */
  write(place: number, matrices: Iterable<AdapterMatrix>): Promise<void>;
}

/** A decoder in memory with its static KV cache: `slots` sequences of up to `slotTokens` tokens each. */
export interface Generator {
  readonly kind: 'generator';
  readonly vocabularySize: number;
  readonly slots: number;
  readonly slotTokens: number;
  /** What it takes at least, in bytes: weights and cache. */
  readonly memoryBytes: number;
  /** Undefined when the model was loaded without. */
  readonly adapters: AdapterPlaces | undefined;
  /**
   * Runs one step off the event loop. Never called again before it has settled.
   * @returns logits of each row's last token, float32 [rows, vocabularySize] row-major, or of every token of the row; a
   *   view that the next step overwrites. Empty when `wantLogits` is false.
   * @throws FleetError `engine_failed` when the run failed; the cache of the slots involved is then undefined.
   */
  step(step: Step): Promise<Float32Array>;
  /** Copies the first `tokens` cached tokens of one slot over another: keeps active slots adjacent, shares prefixes. */
  copySlot(from: number, to: number, tokens: number): void;
  /** Exchanges the first `tokens` cached tokens of two slots; what one of them does not hold of these is nothing to go by. */
  swapSlots(one: number, other: number, tokens: number): void;
  /** Frees everything once the step that runs is over. Later steps throw `engine_failed`; a second release does nothing. */
  release(): Promise<void>;
}

/** An encoder in memory. */
export interface Encoder {
  readonly kind: 'encoder';
  readonly dimensions: number;
  readonly tokensMax: number;
  readonly memoryBytes: number;
  /** Pooled and scaled as the model says; one vector of `dimensions` floats per input. */
  encode(inputs: readonly (readonly number[])[]): Promise<Float32Array[]>;
  /** Frees everything once what runs is over. Later inputs are refused; a second release does nothing. */
  release(): Promise<void>;
}

export type LoadProgress = (phase: string, done: number, total: number) => void;

export type LoadOptions = {
  slots: number;
  slotTokens: number;
  /** What keys and values of a decoder are kept as; float32 when left out. */
  kvCacheDtype?: KvCacheDtype | undefined;
  threads: number;
  /** Memory for this many adapters at once, of this rank at most. Decoders only. */
  adapters?: { places: number; rankMax: number } | undefined;
  /** Guesses that a row may carry behind its token, to be asked for the logits of each; 0 when left out. Decoders only. */
  draftTokensMax?: number | undefined;
  onProgress?: LoadProgress;
};
