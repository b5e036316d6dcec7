import type { ModelSettings } from '../settings.ts';

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
  ropeTheta: number;
  /** Query, key and value projections have biases. */
  queryKeyValueBias: boolean;
  /** Each head of query and key is normalised before the rotary embedding. */
  queryKeyNorm: boolean;
  /** The output head is the embedding matrix. */
  tiedHead: boolean;
  /** Rows of the query and key matrices are interleaved per head, as llama.cpp's converter leaves them. */
  interleavedRotaryRows: boolean;
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
  /** Vectors are scaled to length 1 after pooling. */
  normalize: boolean;
};

export type ModelDescription = DecoderDescription | EncoderDescription;

/**
 * A model family: how its files describe it. Adding one is a file of its own and a line in `registry.ts`; nothing else
 * asks which family a model is.
 */
export type Family = {
  name: string;
  /** `architectures[0]` of config.json. */
  architectures: readonly string[];
  /** `general.architecture` of GGUF files; undefined when we do not read the family from GGUF. */
  gguf?: string;
  /** Throws `invalid_model` or `unsupported_model` naming the setting at fault. */
  describe: (settings: ModelSettings) => ModelDescription;
};
