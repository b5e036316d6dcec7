import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { seededRng } from '@qwenfleet/core/rng';

/** Models whose speed is measured without their weights: it does not depend on what these are. */
export const shapes = {
  'smollm2-135m': {
    architectures: ['LlamaForCausalLM'],
    num_hidden_layers: 30,
    hidden_size: 576,
    intermediate_size: 1536,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    head_dim: 64,
    vocab_size: 49_152,
    max_position_embeddings: 8192,
  },
  'qwen3-0.6b': {
    architectures: ['Qwen3ForCausalLM'],
    num_hidden_layers: 28,
    hidden_size: 1024,
    intermediate_size: 3072,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 128,
    vocab_size: 151_936,
    max_position_embeddings: 40_960,
  },
} as const;
export type ShapeName = keyof typeof shapes;

/** Values that are written again and again. */
const patternBytes = 2 * 1024 * 1024;

/** A checkpoint of this shape with bfloat16 weights at random, in a folder that is made here. */
export function writeRandomCheckpoint(folder: string, name: ShapeName): void {
  const shape = shapes[name];
  const config = { ...shape, rms_norm_eps: 1e-6, rope_theta: 1e6, hidden_act: 'silu', tie_word_embeddings: true };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  const tensors = tensorsOf(shape);
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [tensor, dimensions] of tensors) {
    const bytes = 2 * dimensions.reduce((product, size) => product * size, 1);
    header[tensor] = { dtype: 'BF16', shape: dimensions, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path.join(folder, 'model.safetensors'), 'w');
  try {
    writeSync(file, Buffer.concat([length, json]));
    const pattern = randomHalves(patternBytes);
    for (let left = at; left > 0; left -= pattern.length) writeSync(file, pattern, 0, Math.min(left, pattern.length));
  } finally {
    closeSync(file);
  }
}

function tensorsOf(shape: (typeof shapes)[ShapeName]): [name: string, dimensions: number[]][] {
  const { hidden_size: hidden, intermediate_size: inner, head_dim: head } = shape;
  const [query, keyValue] = [shape.num_attention_heads * head, shape.num_key_value_heads * head];
  const layer = (index: number): [string, number[]][] =>
    Object.entries({
      input_layernorm: [hidden],
      post_attention_layernorm: [hidden],
      'self_attn.q_proj': [query, hidden],
      'self_attn.k_proj': [keyValue, hidden],
      'self_attn.v_proj': [keyValue, hidden],
      'self_attn.o_proj': [hidden, query],
      ...(shape.architectures[0] === 'Qwen3ForCausalLM'
        ? { 'self_attn.q_norm': [head], 'self_attn.k_norm': [head] }
        : {}),
      'mlp.gate_proj': [inner, hidden],
      'mlp.up_proj': [inner, hidden],
      'mlp.down_proj': [hidden, inner],
    }).map(([module, dimensions]) => [`model.layers.${index}.${module}.weight`, dimensions]);
  return [
    ['model.embed_tokens.weight', [shape.vocab_size, hidden]],
    ...Array.from({ length: shape.num_hidden_layers }, (_, index) => layer(index)).flat(),
    ['model.norm.weight', [hidden]],
  ];
}

/** bfloat16 values between -0.05 and 0.05. */
function randomHalves(bytes: number): Buffer {
  const rng = seededRng(1);
  const values = Float32Array.from({ length: bytes / 2 }, () => (rng() - 0.5) / 10);
  const words = new Uint16Array(values.buffer);
  return Buffer.from(Uint16Array.from(values, (_, index) => words[2 * index + 1] ?? 0).buffer);
}
