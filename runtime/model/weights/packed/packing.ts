import type { ModelSettings } from '../../settings.ts';

/** How a checkpoint packs the levels of its linear layers into 32-bit words. */
export type Packing = {
  bits: 4 | 8;
  /** Inputs that share a scale and a zero point; undefined: all of an output's. */
  groupSize?: number;
  /** Of `qweight`, the axis along which the levels of a word lie: `inputs` is the first one, `outputs` the last. */
  along: 'inputs' | 'outputs';
  /** Where in a word, in levels from the lowest bits, each of the outputs that it holds is. */
  places: readonly number[];
  /** Added to each word of zero points. */
  zeroPointOffset: number;
};

/** A way to publish quantised weights: a file of its own and a line in `registry.ts`. */
export type PackingMethod = {
  /** `quant_method` of config.json. */
  name: string;
  /** Throws `unsupported_model` naming the setting, its value and what to do. */
  describe: (settings: ModelSettings) => Packing;
};
