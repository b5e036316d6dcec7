import type { ModelEngine, StepReport } from './model-engine.ts';

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
  /** Same seed, same prompt, same model: same tokens, whatever else is in the batch (but for drafts of quantised models). */
  seed: number;
};

/** Decides which tokens may come next in one answer. */
export type TokenConstraint = {
  /** Nothing may follow: the answer is over. */
  readonly complete: boolean;
  /** Throws `invalid_request` when that cannot be told. */
  allows(token: number): boolean;
  /** Takes the next token, which has to be an allowed one that does not end the answer. */
  accept(token: number): void;
};

/** An adapter in memory. */
export type PlacedAdapter = {
  name: string;
  /** Where it lies, counted from 1. */
  place: number;
  /** The same wherever it lies: what was computed with one is of no use to another. */
  weights: symbol;
  /** Called when no step needs it any more; more than once does no harm. */
  end: () => void;
};

export type GenerationRequest = {
  id: string;
  promptTokens: readonly number[];
  sampling: SamplingParameters;
  maxTokens: number;
  /** Smaller goes first, and may take the slot of a larger one; 0 when not given. */
  priority?: number;
  /** Tokens that end the answer; they are not part of it. */
  stopTokens: ReadonlySet<number>;
  /** Alternatives to report with each token; undefined reports no log-probabilities at all. */
  topLogprobs?: number;
  /** Reports the prompt's tokens too, before the answer's. Slower: every row of the prompt goes through the head. */
  promptLogprobs?: boolean;
  /** The same for all choices of one prompt: those that have slots at the same time compute it once. */
  promptGroup?: symbol;
  /** What is added to the model's weights. */
  adapter?: PlacedAdapter | undefined;
  /** Of this generation alone: it goes on with every token. */
  constraint?: TokenConstraint;
  /** A question of our own, such as a health check's: it is in no count. */
  internal?: boolean;
  /** It has a slot for the first time. */
  onSlot?: () => void;
  signal: AbortSignal;
};

export type Logprob = { token: number; logprob: number };

export type GeneratedToken = {
  token: number;
  /** Of the prompt, not of the answer; only where `promptLogprobs` asks for them. The first has no log-probability. */
  ofPrompt?: true;
  /** With the answer's first: prompt tokens that were found in the cache. */
  cachedTokens?: number;
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
  /** All three since the request came. */
  queuedMs: number;
  firstTokenMs: number;
  totalMs: number;
};

/** What there is to tell of an answer whatever ended it. */
export type EndedAnswer = Omit<GenerationEnd, 'reason'> & {
  /** The name of the adapter that it was made with. */
  adapter: string | undefined;
};

/** The engine of a decoder as the HTTP layer sees it. Implemented by `engine.ts`. */
export interface GenerationEngine extends ModelEngine {
  /**
   * Yields tokens as they are computed and returns how it ended.
   * Aborting the signal, or leaving the loop, frees the slot within one step.
   * @throws FleetError `context_length_exceeded` (prompt does not fit), `queue_full`, `cancelled`, `engine_failed`,
   *   `shutting_down`.
   */
  generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, GenerationEnd, void>;
}

/** What an engine tells of its work as it goes. */
export type EngineObserver = {
  onStep?: (step: StepReport) => void;
  /** A prompt is whole, and the first token of its answer was drawn. */
  onFirstToken?: (first: Omit<EndedAnswer, 'completionTokens' | 'totalMs'>) => void;
  /** An answer of one token at least is over, also one that its reader has left, as at a stop string. */
  onEnd?: (end: EndedAnswer) => void;
  /** A sequence gave up its slot to one that goes first, and waits to go on. */
  onPreempted?: () => void;
  /** A fault of the engine itself, which ended everything that ran. */
  onFault?: (error: Error) => void;
  onAdapter?: (event: AdapterEvent) => void;
};

/** An adapter was given a name, lost it, or was brought into memory. */
export const adapterEvents = ['loaded', 'unloaded', 'placed'] as const;
export type AdapterEvent = (typeof adapterEvents)[number];
