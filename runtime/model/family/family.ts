import type { Pooling } from '../pooling.ts';
import type { Rotary } from '../rotary.ts';
import type { ModelSettings } from '../settings.ts';

/** Feed-forward layers of many experts, of which each token takes a few. */
export type Experts = {
  count: number;
  /** How many each token takes. */
  active: number;
  feedForwardSize: number;
  /** The shares of those that a token takes are made to sum to 1. */
  normalised: boolean;
};

/** A decoder's dimensions and switches, whatever family it comes from. */
export type DecoderDescription = {
  kind: 'decoder';
  layers: number;
  hiddenSize: number;
  feedForwardSize: number;
  heads: number;
  keyValueHeads: number;
  headSize: number;
  vocabularySize: number;
  contextLength: number;
  rmsNormEpsilon: number;
  rotary: Rotary;
  /** Query, key and value projections have biases. */
  queryKeyValueBias: boolean;
  /** Each head of query and key is normalised before the rotary embedding. */
  queryKeyNorm: boolean;
  /** The output head is the embedding matrix. */
  tiedHead: boolean;
  /** Rows of the query and key matrices are interleaved per head, as llama.cpp's converter leaves them. */
  interleavedRotaryRows: boolean;
  /** In place of the feed-forward layers; `feedForwardSize` is then of no matter. */
  experts?: Experts;
};

/** An encoder's dimensions (BERT). */
export type EncoderDescription = {
  kind: 'encoder';
  layers: number;
  hiddenSize: number;
  feedForwardSize: number;
  heads: number;
  vocabularySize: number;
  contextLength: number;
  /** Kinds of token, of which we use the first. */
  tokenTypes: number;
  layerNormEpsilon: number;
  pooling: Pooling;
  /** Vectors are scaled to length 1 after pooling. */
  normalize: boolean;
};

/** A decoder that makes vectors instead of text. */
export type EmbedderDescription = Omit<DecoderDescription, 'kind' | 'tiedHead'> & {
  kind: 'embedder';
  pooling: Pooling;
  normalize: boolean;
  /** Closes every text, and is the token whose state is taken. */
  endToken: number;
  /** The first values of a vector are one of their own, down to this many. */
  dimensionsMin: number;
};

export type ModelDescription = DecoderDescription | EncoderDescription | EmbedderDescription;

/**
 * A model family: how its files describe it. Adding one is a file of its own and a line in `registry.ts`; nothing else
 * asks which family a model is.
 */
export type Family = {
  name: string;
  /** Two families of one architecture are told apart by it: files of models that embed say how they pool. */
  task: 'generate' | 'embed';
  /** `architectures[0]` of config.json. */
  architectures: readonly string[];
  /** `general.architecture` of GGUF files; undefined when we do not read the family from GGUF. */
  gguf?: string;
  /** GGUF keys that only this family has, after the architecture's prefix, under Hugging Face's names. */
  ggufKeys?: readonly (readonly [gguf: string, name: string])[];
  /** Throws `invalid_model` or `unsupported_model` naming the setting at fault. */
  describe: (settings: ModelSettings) => ModelDescription;
};
