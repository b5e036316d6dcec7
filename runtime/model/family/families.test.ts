import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { checkpointFolder } from '../../fixtures/checkpoint.ts';
import { readModel } from '../read.ts';
import { ModelSettings } from '../settings.ts';
import type { Family, ModelDescription } from './family.ts';
import { families } from './registry.ts';

type Json = Record<string, unknown>;
type Name = 'llama' | 'qwen2' | 'qwen3' | 'qwen3-moe' | 'qwen3-embedding' | 'bert';
const configOf = (name: Name): Json =>
  JSON.parse(readFileSync(path.join(checkpointFolder(name), 'config.json'), 'utf8')) as Json;
const familyOf = (name: string): Family => {
  const family = families.find((each) => each.name === name);
  if (!family) throw new Error(`there is no family ${name}`);
  return family;
};
const describeOf = (name: Name, changes: Json = {}, format: 'gguf' | 'safetensors' = 'safetensors'): ModelDescription =>
  familyOf(name).describe(new ModelSettings(format, new Map(Object.entries({ ...configOf(name), ...changes }))));

describe('the families', () => {
  it('are told apart by what files call them', () => {
    const architectures = families.flatMap((family) => family.architectures.map((name) => `${name} ${family.task}`));
    expect(new Set(architectures).size).toBe(architectures.length);
    const ggufs = families.flatMap(({ gguf, task }) => (gguf === undefined ? [] : `${gguf} ${task}`));
    expect(new Set(ggufs).size).toBe(ggufs.length);
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
  });

  it.each(families.map(({ name, task }) => [name, task]))(
    'each have a checkpoint to be measured by: %s',
    (name, task) => {
      expect(readModel(checkpointFolder(name as Name))).toMatchObject({ family: name, task });
    },
  );

  it.each(families.map((family) => [family.name, family] as const))(
    'have one shape for %s: whole numbers, all of them given',
    (name, family) => {
      const description = family.describe(
        new ModelSettings('safetensors', new Map(Object.entries(configOf(name as Name)))),
      );
      for (const [field, value] of Object.entries(description)) {
        expect(value, field).toBeDefined();
        if (typeof value === 'number') expect(value, field).toBeGreaterThan(0);
      }
      expect(description).toMatchObject({
        layers: 2,
        hiddenSize: 64,
        vocabularySize: 384,
      });
    },
  );

  it.each<[Name, object]>([
    ['llama', { queryKeyValueBias: false, queryKeyNorm: false, headSize: 16 }],
    ['qwen2', { queryKeyValueBias: true, queryKeyNorm: false, headSize: 16 }],
    ['qwen3', { queryKeyValueBias: false, queryKeyNorm: true, headSize: 32 }],
    ['qwen3-moe', { queryKeyNorm: true, experts: { count: 8, active: 2, feedForwardSize: 32, normalised: true } }],
  ])('differ where they differ: %s', (name, wanted) => {
    expect(describeOf(name)).toMatchObject({
      kind: 'decoder',
      keyValueHeads: 2,
      interleavedRotaryRows: false,
      ...wanted,
    });
  });

  it('undo llama.cpp’s interleaving where its converter interleaves', () => {
    expect(describeOf('llama', {}, 'gguf')).toMatchObject({ interleavedRotaryRows: true });
    expect(describeOf('qwen2', {}, 'gguf')).toMatchObject({ interleavedRotaryRows: false });
    expect(describeOf('qwen3', {}, 'gguf')).toMatchObject({ interleavedRotaryRows: false });
  });

  it('call experts as published files do, or as transformers writes them', () => {
    const published = { num_local_experts: undefined, num_experts: 16, norm_topk_prob: undefined };
    expect(describeOf('qwen3-moe', published)).toMatchObject({ experts: { count: 16, normalised: false } });
    expect(describeOf('qwen3-moe', published, 'gguf')).toMatchObject({ experts: { count: 16, normalised: true } });
  });

  it('take as many key and value heads as heads, when nothing is said', () => {
    expect(describeOf('llama', { num_key_value_heads: null })).toMatchObject({ keyValueHeads: 4 });
  });

  it.each<[Name, Json, string, string, RegExp]>([
    ['llama', { hidden_act: 'gelu' }, 'unsupported_model', 'hidden_act', /gelu.*silu/],
    ['qwen2', { use_sliding_window: true }, 'unsupported_model', 'use_sliding_window', /[Ss]liding/],
    ['qwen3', { num_key_value_heads: 3 }, 'invalid_model', 'num_key_value_heads', /\(4\).*\(3\)/],
    [
      'llama',
      { head_dim: null, num_attention_heads: 6, num_key_value_heads: 6 },
      'invalid_model',
      'head_dim',
      /head_dim/,
    ],
    ['qwen3', { head_dim: 31 }, 'invalid_model', 'head_dim', /31.*even/],
    ['qwen3', { rope_parameters: { rope_type: 'linear' } }, 'unsupported_model', 'rope_scaling', /linear/],
    ['qwen3-moe', { mlp_only_layers: [1] }, 'unsupported_model', 'decoder_sparse_step', /mlp_only_layers/],
    ['qwen3-moe', { decoder_sparse_step: 2 }, 'unsupported_model', 'decoder_sparse_step', /must be 1/],
    ['qwen3-moe', { num_experts_per_tok: 9 }, 'invalid_model', 'num_experts_per_tok', /\(9\).*\(8\)/],
    ['qwen3-moe', { num_experts: 5_000 }, 'unsupported_model', 'num_experts', /1024/],
    ['qwen3-moe', { num_local_experts: undefined }, 'invalid_model', 'num_local_experts', /nothing/],
    ['llama', { hidden_size: undefined }, 'invalid_model', 'hidden_size', /nothing/],
    ['llama', { tie_word_embeddings: 'yes' }, 'invalid_model', 'tie_word_embeddings', /yes/],
    ['qwen3-embedding', { eos_token_id: 384 }, 'invalid_model', 'eos_token_id', /384/],
    ['qwen3-embedding', { pooling: 'max' }, 'unsupported_model', 'pooling', /max.*last/],
    ['bert', { pooling: 'max' }, 'unsupported_model', 'pooling', /max.*mean/],
    ['bert', { hidden_act: 'relu' }, 'unsupported_model', 'hidden_act', /relu.*gelu/],
    ['bert', { num_attention_heads: 5 }, 'invalid_model', 'num_attention_heads', /\(64\).*\(5\)/],
    ['bert', { layer_norm_eps: 'small' }, 'invalid_model', 'layer_norm_eps', /small/],
  ])('refuse a %s with %j by the name of the setting', (name, changes, code, param, words) => {
    let seen: unknown;
    try {
      describeOf(name, changes);
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(FleetError);
    expect(seen).toMatchObject({ code, param });
    expect((seen as FleetError).message).toMatch(words);
  });
});
