import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gguf, ggufFile, type GgufTensor } from '@qwenfleet/runtime/fixtures/weights-files';
import { openSafetensors } from '@qwenfleet/runtime/model/weights/safetensors';
import type { Weights } from '@qwenfleet/runtime/model/weights/weights';
import { checkpointFolder } from './checkpoints.ts';

type Config = Record<string, number | undefined> & {
  rope_parameters: { rope_theta: number; factor?: number; original_max_position_embeddings?: number };
};

/** Keys of llama.cpp's converter (gguf-py, constants.py), and what they are in config.json. */
const keys = {
  block_count: 'num_hidden_layers',
  context_length: 'max_position_embeddings',
  embedding_length: 'hidden_size',
  feed_forward_length: 'intermediate_size',
  'attention.head_count': 'num_attention_heads',
  'attention.head_count_kv': 'num_key_value_heads',
  'attention.key_length': 'head_dim',
  expert_count: 'num_local_experts',
  expert_used_count: 'num_experts_per_tok',
  expert_feed_forward_length: 'moe_intermediate_size',
};

/** The same, of the tensors. */
const tensorNames: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens/, 'token_embd'],
  [/^model\.norm/, 'output_norm'],
  [/^lm_head/, 'output'],
  [/^model\.layers\.(\d+)\.input_layernorm/, 'blk.$1.attn_norm'],
  [/^model\.layers\.(\d+)\.post_attention_layernorm/, 'blk.$1.ffn_norm'],
  [/^model\.layers\.(\d+)\.self_attn\.o_proj/, 'blk.$1.attn_output'],
  [/^model\.layers\.(\d+)\.self_attn\.([qkv])_proj/, 'blk.$1.attn_$2'],
  [/^model\.layers\.(\d+)\.self_attn\.([qk])_norm/, 'blk.$1.attn_$2_norm'],
  [/^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj/, 'blk.$1.ffn_$2'],
  [/^model\.layers\.(\d+)\.mlp\.gate\./, 'blk.$1.ffn_gate_inp.'],
  [/^model\.layers\.(\d+)\.mlp\.experts\.\d+\.(gate|up|down)_proj/, 'blk.$1.ffn_$2_exps'],
];

/** A checkpoint of the fixtures as llama.cpp's converter would write it, in float32. */
export function writeGguf(checkpoint: string, architecture: string, file: string): void {
  const folder = checkpointFolder(checkpoint);
  const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as Config;
  const weights = openSafetensors(folder);
  try {
    writeFileSync(file, ggufFile({ keys: keysOf(config, architecture), tensors: tensorsOf(weights) }));
  } finally {
    weights.close();
  }
}

function keysOf(config: Config, architecture: string): Buffer[] {
  const { rope_parameters: rope } = config;
  const given = Object.entries(keys).flatMap(([key, name]) => {
    const value = config[name];
    return value === undefined ? [] : [gguf.uint32(`${architecture}.${key}`, value)];
  });
  const yarn =
    rope.factor === undefined
      ? []
      : [
          gguf.string(`${architecture}.rope.scaling.type`, 'yarn'),
          gguf.float32(`${architecture}.rope.scaling.factor`, rope.factor),
          gguf.uint32(
            `${architecture}.rope.scaling.original_context_length`,
            rope.original_max_position_embeddings ?? Number.NaN,
          ),
        ];
  return [
    gguf.string('general.architecture', architecture),
    ...given,
    gguf.float32(`${architecture}.rope.freq_base`, rope.rope_theta),
    gguf.float32(`${architecture}.attention.layer_norm_rms_epsilon`, config['rms_norm_eps'] ?? Number.NaN),
    ...yarn,
    gguf.strings(
      'tokenizer.ggml.tokens',
      Array.from({ length: config['vocab_size'] ?? 0 }, (_, id) => `t${id}`),
    ),
  ];
}

/** Experts one behind another in one tensor, everything else as it is. */
function tensorsOf(weights: Weights): GgufTensor[] {
  const byName = new Map<string, { shape: number[]; parts: Float32Array[] }>();
  for (const { name, shape } of weights.tensors.values()) {
    const own = ggufNameOf(name);
    const found = byName.get(own) ?? { shape: shape.toReversed(), parts: [] };
    found.parts.push(weights.values(name));
    byName.set(own, found);
  }
  return [...byName].map(([name, { shape, parts }]) => ({
    name,
    shape: name.includes('_exps') ? [...shape, parts.length] : shape,
    data: Buffer.concat(parts.map((part) => Buffer.from(part.buffer))),
  }));
}

/** What llama.cpp calls a tensor. Throws for one that it has no name for. */
export function ggufNameOf(name: string): string {
  const [pattern, replacement] = tensorNames.find(([each]) => each.test(name)) ?? [];
  if (!pattern || replacement === undefined) throw new Error(`${name} has no name in a GGUF`);
  return name.replace(pattern, replacement);
}
