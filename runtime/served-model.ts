import type { Adapters } from './adapters/adapters.ts';
import type { EncoderEngine } from './engine/encoder-engine.ts';
import type { GenerationEngine } from './engine/generation.ts';
import type { ChatTemplate } from './text/chat-template.ts';
import type { Grammars } from './text/grammar/grammars.ts';
import type { Tokenizer } from './text/tokenizer.ts';

/** Sampling that a model's makers recommend, for requests that do not say. */
export type SamplingDefaults = {
  temperature: number;
  topP: number;
  topK: number;
  minP: number;
  repetitionPenalty: number;
};

export type ServedGenerator = {
  task: 'generate';
  tokenizer: Tokenizer;
  /** Undefined for models that complete texts and do not chat. */
  template: ChatTemplate | undefined;
  grammars: Grammars;
  engine: GenerationEngine;
  /** Undefined where there is no memory for any. */
  adapters: Adapters | undefined;
  sampling: SamplingDefaults;
  contextLength: number;
};

export type ServedEncoder = {
  task: 'embed';
  tokenizer: Tokenizer;
  engine: EncoderEngine;
  contextLength: number;
  /** Closes every text; undefined when the tokenizer does all that the model wants. */
  endToken: number | undefined;
  /** The fewest values that a vector may be cut to; all of them for most models. */
  dimensionsMin: number;
};

/** A whole text as an encoder was trained to be given it. */
export function encodedWhole(
  { tokenizer, endToken }: Pick<ServedEncoder, 'tokenizer' | 'endToken'>,
  text: string,
): number[] {
  const tokens = tokenizer.encodeWhole(text);
  return endToken === undefined || tokens.at(-1) === endToken ? tokens : [...tokens, endToken];
}

/** A model in memory with all that is needed to answer over HTTP. */
export type ServedModel = ServedGenerator | ServedEncoder;

/** Where a model's makers recommend nothing: mild enough for small models, which lose the thread at 1. */
const fallback: SamplingDefaults = { temperature: 0.7, topP: 0.95, topK: 0, minP: 0, repetitionPenalty: 1 };

/** What a request may ask for; a file that recommends something else is not followed. */
const ranges: Readonly<Record<keyof SamplingDefaults, (value: number) => boolean>> = {
  temperature: (value) => value >= 0 && value <= 2,
  topP: (value) => value > 0 && value <= 1,
  topK: (value) => Number.isInteger(value) && value >= -1,
  minP: (value) => value >= 0 && value <= 1,
  repetitionPenalty: (value) => value > 0 && value <= 2,
};

/** From generation_config.json. `do_sample: false` means greedy. */
export function samplingDefaults(generation: Readonly<Record<string, unknown>>): SamplingDefaults {
  const read = (name: keyof SamplingDefaults, key: string): number => {
    const value = generation[key];
    return typeof value === 'number' && ranges[name](value) ? value : fallback[name];
  };
  return {
    temperature: generation['do_sample'] === false ? 0 : read('temperature', 'temperature'),
    topP: read('topP', 'top_p'),
    topK: read('topK', 'top_k'),
    minP: read('minP', 'min_p'),
    repetitionPenalty: read('repetitionPenalty', 'repetition_penalty'),
  };
}
