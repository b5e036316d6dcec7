import { FleetError } from '@qwenfleet/core/errors';
import type { ModelSettings } from './settings.ts';

/** YaRN (arXiv 2309.00071): a model reads further than it was trained to, at some cost on short texts. */
export type Yarn = {
  /** How many times further, at least 1. */
  factor: number;
  /** Tokens that the model was trained to read. */
  originalContextLength: number;
  /** What sines and cosines are multiplied by: queries and keys both, so attention gets its square. */
  attentionFactor: number;
  /** Turns within the original length above which a pair is left as it is, and below which it is slowed by the factor. */
  betaFast: number;
  betaSlow: number;
};

export type Rotary = { theta: number; yarn?: Yarn };

const factorMax = 1024;
/** Settings of transformers and of llama.cpp that change nothing at 1, and that no Qwen has otherwise. */
const plainAtOne = [
  'partial_rotary_factor',
  'mscale',
  'mscale_all_dim',
  'attn_factor',
  'yarn_attn_factor',
  'yarn_ext_factor',
];

/**
 * The rotary embedding of a checkpoint: newer files have `rope_parameters`, published ones `rope_theta` and `rope_scaling`.
 * Throws `unsupported_model` for other scalings than YaRN, `invalid_model` naming the setting that cannot be.
 */
export function readRotary(settings: ModelSettings): Rotary {
  const nested = settings.nested('rope_parameters') ?? settings.nested('rope_scaling');
  const kind = nested?.text('rope_type', nested.text('type', 'default')) ?? 'default';
  const theta = nested?.has('rope_theta') ? nested.number('rope_theta') : settings.number('rope_theta', 10_000);
  if (theta <= 1) invalid('rope_theta', `${theta}; it must be above 1`);
  for (const name of plainAtOne)
    if (nested?.has(name) && nested.number(name) !== 1) unsupported(`${name} of ${nested.number(name)}`);
  if (nested === undefined || kind === 'default') return { theta };
  if (kind !== 'yarn') unsupported(`type ${JSON.stringify(kind)}`);
  return { theta, yarn: readYarn(nested, settings.size('max_position_embeddings')) };
}

/** Defaults are transformers' (modeling_rope_utils.py, `_compute_yarn_parameters`). */
function readYarn(nested: ModelSettings, contextLength: number): Yarn {
  const originalContextLength = nested.size('original_max_position_embeddings', contextLength);
  const factor = nested.number('factor', contextLength / originalContextLength);
  if (factor < 1 || factor > factorMax) invalid('rope_scaling.factor', `${factor}; it must be 1 to ${factorMax}`);
  const [betaFast, betaSlow] = [nested.number('beta_fast', 32), nested.number('beta_slow', 1)];
  if (betaSlow <= 0 || betaFast <= betaSlow)
    invalid(
      'rope_scaling.beta_fast',
      `${betaFast}, and beta_slow is ${betaSlow}; both must be above 0, the first larger`,
    );
  const attentionFactor = nested.number('attention_factor', yarnAttentionFactor(factor));
  if (attentionFactor <= 0) invalid('rope_scaling.attention_factor', `${attentionFactor}; it must be above 0`);
  if (!nested.flag('truncate', true)) unsupported('type "yarn" without truncation');
  return { factor, originalContextLength, attentionFactor, betaFast, betaSlow };
}

/** The paper's temperature, equation 22. */
export const yarnAttentionFactor = (factor: number): number => 0.1 * Math.log(factor) + 1;

/** Tokens that a model reads with this embedding. */
export const rotaryContextLength = (trained: number, { yarn }: Rotary): number =>
  yarn ? Math.max(trained, Math.floor(yarn.factor * yarn.originalContextLength)) : trained;

/**
 * Cosines and sines of position × frequency ("RoFormer", arXiv 2104.09864), one row a position, half a head wide.
 * @param headSize even
 */
export function rotaryTables(
  headSize: number,
  { theta, yarn }: Rotary,
  positions: number,
): { cosines: Float32Array; sines: Float32Array } {
  const half = headSize / 2;
  const frequencies = Array.from({ length: half }, (_, pair) => theta ** ((-2 * pair) / headSize));
  const turned = yarn ? frequencies.map(slowed(headSize, theta, yarn)) : frequencies;
  const scale = yarn?.attentionFactor ?? 1;
  const cosines = new Float32Array(positions * half);
  const sines = new Float32Array(positions * half);
  for (let position = 0; position < positions; position += 1) {
    turned.forEach((frequency, pair) => {
      cosines[position * half + pair] = Math.cos(position * frequency) * scale;
      sines[position * half + pair] = Math.sin(position * frequency) * scale;
    });
  }
  return { cosines, sines };
}

/** Pairs that turn often keep their frequency, pairs that turn hardly once are slowed by the factor, a ramp between. */
function slowed(headSize: number, theta: number, yarn: Yarn): (frequency: number, pair: number) => number {
  const { factor, originalContextLength, betaFast, betaSlow } = yarn;
  /** The pair that makes this many turns within the original length. */
  const pairOf = (turns: number): number =>
    (headSize * Math.log(originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const low = Math.max(Math.floor(pairOf(betaFast)), 0);
  const high = Math.min(Math.ceil(pairOf(betaSlow)), headSize - 1);
  const width = high === low ? 0.001 : high - low;
  return (frequency, pair) => {
    const slow = Math.min(1, Math.max(0, (pair - low) / width));
    return (frequency / factor) * slow + frequency * (1 - slow);
  };
}

function unsupported(what: string): never {
  throw new FleetError(
    'unsupported_model',
    `Rotary embeddings with ${what} are not supported; the default type and yarn are.`,
    { param: 'rope_scaling' },
  );
}

function invalid(param: string, what: string): never {
  throw new FleetError('invalid_model', `The model's configuration has ${param} = ${what}.`, { param });
}
