import { FleetError } from '@qwenfleet/core/errors';
import { readRotary, rotaryContextLength } from '../rotary.ts';
import type { ModelSettings } from '../settings.ts';
import type { DecoderDescription } from './family.ts';

/** What sets a family of Llama's line apart from the others. */
export type DecoderTraits = Pick<DecoderDescription, 'queryKeyValueBias' | 'queryKeyNorm'> & {
  interleavedInGguf: boolean;
};

const activations = ['silu', 'swish'];
/** Eight times what Qwen's largest have of either: tables and graphs are made by them before a weight is read. */
const layersMax = 1024;
const headSizeMax = 1024;

/** Reads the settings that all families of Llama's line share. */
export function describeDecoder(settings: ModelSettings, traits: DecoderTraits): DecoderDescription {
  const activation = settings.text('hidden_act', 'silu');
  if (!activations.includes(activation)) {
    throw new FleetError(
      'unsupported_model',
      `The activation ${JSON.stringify(activation)} is not supported; silu is.`,
      { param: 'hidden_act' },
    );
  }
  if (settings.flag('use_sliding_window', false)) {
    throw new FleetError(
      'unsupported_model',
      'Sliding-window attention is not supported; set use_sliding_window to false.',
      { param: 'use_sliding_window' },
    );
  }
  const hiddenSize = settings.size('hidden_size');
  const heads = settings.size('num_attention_heads');
  const keyValueHeads = settings.size('num_key_value_heads', heads);
  if (heads % keyValueHeads !== 0) {
    throw new FleetError(
      'invalid_model',
      `num_attention_heads (${heads}) must be a multiple of num_key_value_heads (${keyValueHeads}).`,
      { param: 'num_key_value_heads' },
    );
  }
  const headSize = settings.size('head_dim', hiddenSize / heads);
  if (headSize % 2 !== 0) {
    throw new FleetError(
      'invalid_model',
      `head_dim is ${headSize}; rotary embeddings turn pairs, so it must be even.`,
      {
        param: 'head_dim',
      },
    );
  }
  const layers = settings.size('num_hidden_layers');
  assertAtMost('head_dim', headSize, headSizeMax);
  assertAtMost('num_hidden_layers', layers, layersMax);
  const rmsNormEpsilon = settings.number('rms_norm_eps', 1e-6);
  if (rmsNormEpsilon < 0) {
    throw new FleetError('invalid_model', `rms_norm_eps is ${rmsNormEpsilon}; it must be 0 or more.`, {
      param: 'rms_norm_eps',
    });
  }
  const rotary = readRotary(settings);
  const { interleavedInGguf, ...own } = traits;
  return {
    kind: 'decoder',
    layers,
    hiddenSize,
    feedForwardSize: settings.size('intermediate_size'),
    heads,
    keyValueHeads,
    headSize,
    vocabularySize: settings.size('vocab_size'),
    contextLength: rotaryContextLength(settings.size('max_position_embeddings'), rotary),
    rmsNormEpsilon,
    rotary,
    tiedHead: settings.flag('tie_word_embeddings', false),
    interleavedRotaryRows: interleavedInGguf && settings.format === 'gguf',
    ...own,
  };
}

function assertAtMost(setting: string, value: number, max: number): void {
  if (value <= max) return;
  throw new FleetError('unsupported_model', `${setting} is ${value}; at most ${max} is supported.`, { param: setting });
}
