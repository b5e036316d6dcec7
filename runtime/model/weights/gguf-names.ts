import { FleetError } from '@qwenfleet/core/errors';
import type { TensorEntry, Weights } from './weights.ts';

/** More than any model has; a tensor of one value a row would otherwise be cut into as many. */
const expertsMax = 1024;

/** llama.cpp's tensor names (gguf-py, tensor_mapping.py) under Hugging Face's, which the builders use. */
const names: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^token_embd\.weight$/, 'model.embed_tokens.weight'],
  [/^output_norm\.weight$/, 'model.norm.weight'],
  [/^output\.weight$/, 'lm_head.weight'],
  [/^blk\.(\d+)\.attn_norm\./, 'model.layers.$1.input_layernorm.'],
  [/^blk\.(\d+)\.ffn_norm\./, 'model.layers.$1.post_attention_layernorm.'],
  [/^blk\.(\d+)\.attn_output\./, 'model.layers.$1.self_attn.o_proj.'],
  [/^blk\.(\d+)\.attn_([qkv])\./, 'model.layers.$1.self_attn.$2_proj.'],
  [/^blk\.(\d+)\.attn_([qk])_norm\./, 'model.layers.$1.self_attn.$2_norm.'],
  [/^blk\.(\d+)\.ffn_(gate|up|down)\./, 'model.layers.$1.mlp.$2_proj.'],
  [/^blk\.(\d+)\.ffn_gate_inp\./, 'model.layers.$1.mlp.gate.'],
];

/** All experts of a layer are one tensor of three dimensions there, and a tensor each here; `#` is the expert's number. */
const stacked: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^blk\.(\d+)\.ffn_(gate|up|down)_exps\./, 'model.layers.$1.mlp.experts.#.$2_proj.'],
];

/** The same weights under the names that the graph builders know; closed when that cannot be. Throws `invalid_model`. */
export function underBuilderNames(weights: Weights): Weights {
  try {
    return weights.with([...weights.tensors.values()].flatMap(renamed));
  } catch (error) {
    weights.close();
    throw error;
  }
}

function renamed(tensor: TensorEntry): TensorEntry[] {
  const experts = under(stacked, tensor.name);
  if (experts !== undefined) return expertsOf(tensor, experts);
  return [{ ...tensor, name: under(names, tensor.name) ?? tensor.name }];
}

function under(table: typeof names, name: string): string | undefined {
  const [pattern, replacement] = table.find(([each]) => each.test(name)) ?? [];
  return pattern && replacement ? name.replace(pattern, replacement) : undefined;
}

function expertsOf(tensor: TensorEntry, name: string): TensorEntry[] {
  const [count = 0, ...shape] = tensor.shape;
  if (shape.length !== 2 || count > expertsMax) {
    throw new FleetError(
      'invalid_model',
      `Tensor "${tensor.name}" has shape [${tensor.shape.join(', ')}]; experts are stacked along the first of three dimensions, ${expertsMax} at most.`,
    );
  }
  const bytes = tensor.bytes / count;
  return Array.from({ length: count }, (_, expert) => ({
    ...tensor,
    name: name.replace('#', String(expert)),
    shape,
    offset: tensor.offset + expert * bytes,
    bytes,
  }));
}
