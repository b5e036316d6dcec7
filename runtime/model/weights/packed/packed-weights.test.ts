import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { afterAll, describe, expect, it } from 'vitest';
import type { Generator } from '../../../backend/backend.ts';
import { graphFolder } from '../../../fixtures/graph.ts';
import { packedCheckpoint, type PackedCheckpoint, type PackedOptions } from '../../../fixtures/packed-checkpoint.ts';
import { refusal } from '../../../fixtures/refusal.ts';
import { loadModel } from '../../load.ts';
import { readModel } from '../../read.ts';

const { cacheDir, dispose } = graphFolder();
const made: string[] = [];
afterAll(() => {
  dispose();
  for (const folder of made) rmSync(path.dirname(folder), { recursive: true });
});

function packed(options: PackedOptions): PackedCheckpoint {
  const checkpoint = packedCheckpoint(options);
  made.push(checkpoint.folder);
  return checkpoint;
}

const checkpoints: [string, PackedOptions][] = [
  ['AWQ in groups of 32', { method: 'awq' }],
  ['AWQ in groups of 16', { method: 'awq', groupSize: 16 }],
  ['AWQ, a group a row', { method: 'awq', groupSize: -1 }],
  ['AWQ of a model with experts', { method: 'awq', family: 'qwen3-moe' }],
  ['AWQ whose values stay floats', { method: 'awq', keep: /v_proj/ }],
  ['GPTQ of 4 bits', { method: 'gptq' }],
  ['GPTQ of 4 bits, second format', { method: 'gptq', format: 'gptq_v2' }],
  ['GPTQ whose head is packed too', { method: 'gptq', head: true, config: { lm_head: true } }],
  ['GPTQ of 8 bits', { method: 'gptq', bits: 8 }],
  ['GPTQ of 8 bits, a group a row', { method: 'gptq', bits: 8, groupSize: -1, family: 'llama' }],
  ['GPTQ by activation order', { method: 'gptq', groups: 'by input', family: 'qwen3' }],
  ['GPTQ of 8 bits by activation order', { method: 'gptq', bits: 8, groups: 'by input', groupSize: 16 }],
  ['GPTQ whose layers each have an order of their own', { method: 'gptq', groups: 'by layer' }],
];

async function generatorOf(folder: string, quantization: Quantization): Promise<Generator> {
  const options = { slots: 24, slotTokens: 64, threads: 1, quantization, cacheDir };
  const loaded = await loadModel(readModel(folder), options);
  if (loaded.kind !== 'generator') throw new Error('it makes text');
  return loaded;
}

/** Logits after each token of a prompt, and the tokens that follow it, the likeliest each time. */
async function answer(folder: string, quantization: Quantization): Promise<{ logits: Float32Array; tokens: number[] }> {
  const generator = await generatorOf(folder, quantization);
  const prompt = Array.from({ length: 24 }, (_, at) => (at * 37 + 5) % 384);
  const row = { tokens: prompt, past: 0 };
  const logits = (await generator.step({ firstSlot: 0, rows: [row], wantLogits: 'every' })).slice();
  const tokens: number[] = [];
  let last = logits.subarray(-generator.vocabularySize);
  for (let past = prompt.length; past < prompt.length + 16; past += 1) {
    const token = last.indexOf(Math.max(...last));
    tokens.push(token);
    last = (await generator.step({ firstSlot: 0, rows: [{ tokens: [token], past }], wantLogits: true })).slice();
  }
  await generator.release();
  return { logits, tokens };
}

/** Length of the difference against the length of what is wanted. */
function apart(got: Float32Array, wanted: Float32Array): number {
  const length = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length(got.map((value, at) => value - (wanted[at] ?? Number.NaN))) / length(wanted);
}

describe.each(checkpoints)('a checkpoint packed as %s', (_name, options) => {
  const checkpoint = packed(options);

  it('has the floats that its format defines, bit for bit', () => {
    const weights = readModel(checkpoint.folder).openWeights();
    for (const [name, exact] of checkpoint.exact) expect(weights.values(name), name).toEqual(exact);
    weights.close();
  });

  it('has blocks that stand for the same', () => {
    const weights = readModel(checkpoint.folder).openWeights();
    for (const [name, exact] of checkpoint.exact) {
      const entry = weights.entry(name);
      const [outputs = 0, inputs = 0] = entry.shape;
      const blocks = weights.blocks(entry);
      if (!blocks) throw new Error(`${name} has no blocks`);
      const { bits, blockSize, order } = blocks;
      expect(bits).toBe(options.bits ?? 4);
      // Not from the first row on: a large matrix is read in pieces.
      const first = 8;
      const rows = blocks.rows(first, outputs - first);
      const level = (of: Uint8Array, at: number): number =>
        bits === 8 ? (of[at] ?? 0) : ((of[at >> 1] ?? 0) >> (4 * (at & 1))) & 15;
      const perRow = inputs / blockSize;
      const zerosPerRow = bits === 8 ? perRow : Math.ceil(perRow / 2) * 2;
      const got = new Float32Array(outputs * inputs);
      for (let at = 0; at < (outputs - first) * inputs; at += 1) {
        const [row, place] = [Math.floor(at / inputs), at % inputs];
        const block = Math.floor(place / blockSize);
        const zero = level(rows.zeroPoints ?? new Uint8Array(), row * zerosPerRow + block);
        got[(first + row) * inputs + (order?.[place] ?? place)] =
          (rows.scales[row * perRow + block] ?? 0) * (level(rows.values, at) - zero);
      }
      expect(got.subarray(first * inputs), name).toEqual(exact.subarray(first * inputs));
    }
    weights.close();
  });

  it('answers in float32 as the floats that it stands for, bit for bit', async () => {
    expect(await answer(checkpoint.folder, 'float32')).toEqual(await answer(checkpoint.exactFolder, 'float32'));
  });

  /*
   * What differs is what we round: activations to 8 bits a block, the embedding and the head to 8 bits a value. Weights at
   * random have no certain next token; a router may choose another expert. Four bits of our own are off by 15 to 30 %.
   */
  it('answers in int8 close to the floats that it stands for', async () => {
    const wanted = await answer(checkpoint.exactFolder, 'float32');
    const got = await answer(checkpoint.folder, 'int8');
    const hasExperts = options.family === 'qwen3-moe';
    expect(apart(got.logits, wanted.logits)).toBeLessThan(hasExperts ? 0.1 : 0.03);
    const agreed = likeliest(got.logits).filter((token, at) => token === likeliest(wanted.logits)[at]);
    expect(agreed.length).toBeGreaterThanOrEqual(hasExperts ? 20 : 22);
  });
});

describe('four packed bits', () => {
  it('are the same in int8 and in int4: neither quantises them again', async () => {
    const { folder } = packed({ method: 'awq' });
    expect(await answer(folder, 'int4')).toEqual(await answer(folder, 'int8'));
  });

  it('make the same likeliest tokens as the floats that they stand for', async () => {
    const { folder, exactFolder } = packed({ method: 'awq' });
    expect((await answer(folder, 'int4')).tokens).toEqual((await answer(exactFolder, 'float32')).tokens);
  });
});

it('the words of the formats are read in the order that their authors give them', () => {
  // Levels 0 to 7 of eight outputs; of eight inputs.
  for (const [method, word] of [
    ['awq', 0x75316420],
    ['gptq', 0x76543210],
  ] as const) {
    const { folder, exact } = packed({ method });
    const [name] = exact.keys();
    if (name === undefined) throw new Error('there are packed layers');
    const untouched = readModel(folder).openWeights();
    const [outputs = 0] = untouched.entry(name).shape;
    untouched.close();
    changeTensor(folder, name.replace(/weight$/, 'qweight'), (bytes) => {
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(word, at);
    });
    changeTensor(folder, name.replace(/weight$/, 'qzeros'), (bytes) => bytes.fill(method === 'awq' ? 0x11 : 0));
    changeTensor(folder, name.replace(/weight$/, 'scales'), (bytes) => {
      for (let at = 0; at < bytes.length; at += 2) bytes.writeUInt16LE(0x3c00, at);
    });
    const weights = readModel(folder).openWeights();
    const values = weights.values(name);
    const columns = values.length / outputs;
    const wanted = (at: number): number => (method === 'awq' ? Math.floor(at / columns) : at % columns) % 8;
    // Zero points are 1, whole or with the one that the first format leaves out; scales are 1.
    expect([...values]).toEqual(Array.from(values, (_, at) => wanted(at) - 1));
    weights.close();
  }
});

describe('packed weights that we do not read', () => {
  it.each<[string, PackedOptions, string, RegExp]>([
    [
      'of another method',
      { method: 'awq', config: { quant_method: 'fp8' } },
      'unsupported_model',
      /quant_method = "fp8".*awq, gptq/,
    ],
    ['of three bits', { method: 'gptq', config: { bits: 3 } }, 'unsupported_model', /bits = 3; 4 or 8.*Pull/],
    ['of eight bits in AWQ', { method: 'awq', config: { bits: 8 } }, 'unsupported_model', /bits = 8; 4 is supported/],
    [
      'of another version',
      { method: 'awq', config: { version: 'gemv' } },
      'unsupported_model',
      /version = "gemv"; "gemm"/,
    ],
    [
      'without zero points',
      { method: 'awq', config: { zero_point: false } },
      'unsupported_model',
      /zero_point = false/,
    ],
    [
      'laid out for Marlin',
      { method: 'gptq', config: { checkpoint_format: 'marlin' } },
      'unsupported_model',
      /checkpoint_format = "marlin"/,
    ],
    [
      'laid out for Marlin, as it was once said',
      { method: 'gptq', config: { is_marlin_format: true } },
      'unsupported_model',
      /is_marlin_format = true/,
    ],
    [
      'in words of another size',
      { method: 'gptq', config: { pack_dtype: 'int16' } },
      'unsupported_model',
      /pack_dtype = "int16"/,
    ],
    [
      'in groups that blocks cannot make',
      { method: 'gptq', config: { group_size: 24 } },
      'unsupported_model',
      /group_size = 24; a multiple of 16/,
    ],
    [
      'in groups that do not divide the inputs',
      { method: 'awq', config: { group_size: 80 } },
      'unsupported_model',
      /96 inputs.*group_size = 80/,
    ],
    [
      'in other groups than the configuration says',
      { method: 'awq', config: { group_size: 16 } },
      'invalid_model',
      /qzeros" has shape \[3, .*asks for \[6, /,
    ],
    [
      'of which the configuration says other bits',
      { method: 'gptq', groupSize: 16, config: { bits: 8 } },
      'invalid_model',
      /shape/,
    ],
    ['of which none is there', { method: 'awq', keep: /./ }, 'invalid_model', /none of its weights is packed/],
  ])('%s are refused before they are loaded, and why is said', (_name, options, code, words) => {
    const error = refusal(() => readModel(packed(options).folder));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(words);
  });

  it('with inputs in a group that is not there are refused when they are read', () => {
    const { folder, exact } = packed({ method: 'gptq', groups: 'by input' });
    const [name = ''] = exact.keys();
    changeTensor(folder, name.replace(/weight$/, 'g_idx'), (bytes) => bytes.writeInt32LE(9, 0));
    const weights = readModel(folder).openWeights();
    expect(() => weights.values(name)).toThrow(/g_idx" does not put 32 inputs in each of 3 groups/);
    weights.close();
  });

  it('and packed ones of which the configuration says nothing are no floats', () => {
    const { folder } = packed({ method: 'awq' });
    const file = path.join(folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...config, quantization_config: undefined }));
    expect(refusal(() => readModel(folder)).message).toMatch(/stored as I32/);
  });
});

function likeliest(logits: Float32Array): number[] {
  const width = logits.length / 24;
  return Array.from({ length: 24 }, (_, row) => {
    const own = logits.subarray(row * width, (row + 1) * width);
    return own.indexOf(Math.max(...own));
  });
}

/** Changes a tensor's bytes where they lie. */
function changeTensor(folder: string, name: string, change: (bytes: Buffer) => void): void {
  const file = path.join(folder, 'model.safetensors');
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { data_offsets: [number, number] }>;
  const [from, to] = header[name]?.data_offsets ?? [0, 0];
  if (to === from) throw new Error(`there is no tensor ${name}`);
  change(bytes.subarray(start + from, start + to));
  writeFileSync(file, bytes);
}
