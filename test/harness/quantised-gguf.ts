import { writeFileSync } from 'node:fs';
import type { DecoderDescription } from '@qwenfleet/runtime/model/family/family';
import { quantizeInt8 } from '@qwenfleet/runtime/model/quantise';
import type { OpenModel } from '@qwenfleet/runtime/model/read';
import { gguf, ggufFile, type GgufTensor } from '@qwenfleet/runtime/fixtures/weights-files';
import { characterOfByte } from '@qwenfleet/runtime/text/byte-level';
import { ggufNameOf } from './gguf.ts';

const blockValues = 32;
/** Numbers of ggml's types. */
const types = { F32: 0, Q4_0: 2, Q8_0: 8 } as const;
export type GgufBlocks = 'Q8_0' | 'Q4_0';

/**
 * A decoder as a GGUF that llama.cpp loads: matrices in blocks of 32, vectors in float32. Rows of query and key stay in the
 * order in which they are stored, so that a model of the architecture `llama` has to come from a GGUF. Its tokenizer knows
 * bytes; what is measured is asked in token ids.
 */
export function writeQuantisedGguf(model: OpenModel, blocks: GgufBlocks, file: string): void {
  const { description, family } = model;
  if (description.kind !== 'decoder') throw new Error(`${family} is no decoder`);
  const weights = model.openWeights();
  try {
    const tensors = [...weights.tensors.values()].map(({ name, shape }): GgufTensor => {
      const values = weights.values(name);
      const own = { name: ggufNameOf(name), shape: shape.toReversed() };
      if (shape.length === 1) return { ...own, type: types.F32, data: bytesOf(values) };
      return { ...own, type: types[blocks], data: blocks === 'Q8_0' ? eightBits(values) : fourBits(values) };
    });
    writeFileSync(file, ggufFile({ keys: keysOf(description, family), tensors }));
  } finally {
    weights.close();
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** d as float16, then 32 signed bytes. */
function eightBits(rows: Float32Array): Buffer {
  const { values, scales } = quantizeInt8(rows);
  const data = Buffer.alloc(scales.length * 34);
  scales.forEach((scale, block) => {
    writeHalf(data, block * 34, scale);
    for (let index = 0; index < blockValues; index += 1)
      data[block * 34 + 2 + index] = (values[block * blockValues + index] ?? 0) ^ 0x80;
  });
  return data;
}

/** d as float16, then nibbles, value i beside value i + 16; the value of largest magnitude becomes -8. */
function fourBits(rows: Float32Array): Buffer {
  const data = Buffer.alloc((rows.length / blockValues) * 18);
  for (let block = 0; block * blockValues < rows.length; block += 1) {
    const values = rows.subarray(block * blockValues, (block + 1) * blockValues);
    const largest = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const scale = largest / -8;
    const level = (value = 0): number => (scale === 0 ? 8 : Math.min(15, Math.round(value / scale) + 8));
    writeHalf(data, block * 18, scale);
    for (let index = 0; index < 16; index += 1)
      data[block * 18 + 2 + index] = level(values[index]) | (level(values[index + 16]) << 4);
  }
  return data;
}

function writeHalf(data: Buffer, at: number, value: number): void {
  // Node 24 has it, the library of ES2024 does not say so.
  const view = new DataView(data.buffer, data.byteOffset) as DataView & {
    setFloat16: (at: number, value: number, littleEndian: boolean) => void;
  };
  view.setFloat16(at, value, true);
}

/** Keys of gguf-py's constants.py. */
function keysOf(model: DecoderDescription, architecture: string): Buffer[] {
  const sizes: Record<string, number> = {
    block_count: model.layers,
    context_length: model.contextLength,
    embedding_length: model.hiddenSize,
    feed_forward_length: model.feedForwardSize,
    'attention.head_count': model.heads,
    'attention.head_count_kv': model.keyValueHeads,
    'attention.key_length': model.headSize,
    'attention.value_length': model.headSize,
    'rope.dimension_count': model.headSize,
    vocab_size: model.vocabularySize,
  };
  const kinds = Int32Array.from({ length: model.vocabularySize }, () => 1);
  const pieces = Array.from({ length: model.vocabularySize }, (_, id) => characterOfByte[id] ?? `t${id}`);
  return [
    gguf.string('general.architecture', architecture),
    ...Object.entries(sizes).map(([key, value]) => gguf.uint32(`${architecture}.${key}`, value)),
    gguf.float32(`${architecture}.rope.freq_base`, model.rotary.theta),
    gguf.float32(`${architecture}.attention.layer_norm_rms_epsilon`, model.rmsNormEpsilon),
    gguf.string('tokenizer.ggml.model', 'gpt2'),
    gguf.string('tokenizer.ggml.pre', 'default'),
    gguf.uint32('tokenizer.ggml.bos_token_id', 0),
    gguf.uint32('tokenizer.ggml.eos_token_id', 1),
    gguf.strings('tokenizer.ggml.tokens', pieces),
    gguf.array('tokenizer.ggml.token_type', 5, kinds.length, Buffer.from(kinds.buffer)),
    gguf.strings('tokenizer.ggml.merges', ['a b']),
  ];
}
