import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterFolder, removeAdapters, type AdapterOptions, type AdapterTensor } from '../../fixtures/adapter.ts';
import { checkpointFolder, type Family } from '../../fixtures/checkpoint.ts';
import { refusal } from '../../fixtures/refusal.ts';
import { openFilesIn } from '../../fixtures/weights-files.ts';
import { readModel } from '../read.ts';
import { readAdapter, type Adapter } from './read-adapter.ts';

afterAll(removeAdapters);

const checkpoint = checkpointFolder('qwen3');
const decoder = (family: Family = 'qwen3') => {
  const { description } = readModel(checkpointFolder(family));
  if (description.kind !== 'decoder') throw new Error('no decoder');
  return description;
};
const read = (options: AdapterOptions = {}): Adapter => readAdapter(adapterFolder(checkpoint, options), decoder());

const a = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
const b = a.replace('lora_A', 'lora_B');
const renamed = (to: string) => (tensors: Map<string, AdapterTensor>) => {
  const tensor = tensors.get(a);
  tensors.delete(a);
  if (tensor) tensors.set(to, tensor);
};

describe('an adapter as PEFT saves it', () => {
  it('has two matrices for each module, the second with the scale in it', () => {
    let first: AdapterTensor | undefined;
    const adapter = read({ rank: 4, alpha: 6, of: ['q'], change: (tensors) => (first = tensors.get(b)) });
    const [matrix, ...others] = [...adapter.matrices()];
    expect(adapter.rank).toBe(4);
    expect(others).toHaveLength(1);
    expect(matrix).toMatchObject({ projection: 'q', layer: 0, rank: 4 });
    expect(matrix?.up).toEqual(first?.values.map((value) => value * 1.5));
  });

  it.each([
    ['stabilised', { use_rslora: true }, 8 / 2],
    ['an alpha of its own', { alpha_pattern: { 'layers.0.self_attn.q_proj': 2 } }, 2 / 4],
    ['an alpha of its kind', { alpha_pattern: { q_proj: 1 } }, 1 / 4],
    ['an alpha of another', { alpha_pattern: { k_proj: 1, '1.self_attn.q_proj': 3, '0.q_proj': 5 } }, 8 / 4],
  ])('has the scale of its configuration: %s', (_, config, scale) => {
    let first: AdapterTensor | undefined;
    const adapter = read({ of: ['q'], config, change: (tensors) => (first = tensors.get(b)) });
    expect([...adapter.matrices()][0]?.up).toEqual(first?.values.map((value) => value * scale));
  });

  it('may have a rank of its own for a module', () => {
    const config = { r: 8, rank_pattern: { q_proj: 4 } };
    expect(read({ of: ['q'], config }).rank).toBe(4);
  });

  it('leaves no file open, read to its end or not', () => {
    const folder = adapterFolder(checkpoint);
    const adapter = readAdapter(folder, decoder());
    for (const _ of adapter.matrices()) break;
    expect([...adapter.matrices()].length).toBe(14);
    expect(openFilesIn(folder)).toEqual([]);
  });
});

describe('an adapter is refused', () => {
  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['for a method other than LoRA', { peft_type: 'LOHA' }, 'unsupported_model', /peft_type = "LOHA".*LORA is/],
    ['for biases', { bias: 'lora_only' }, 'unsupported_model', /bias = "lora_only".*bias "none"/],
    ['for DoRA', { use_dora: true }, 'unsupported_model', /use_dora = true.*Merge/],
    ['for whole modules', { modules_to_save: ['lm_head'] }, 'unsupported_model', /modules_to_save = \["lm_head"\]/],
    [
      'for a beginning that changes the base',
      { init_lora_weights: 'pissa_niter_4' },
      'unsupported_model',
      /plain LoRA/,
    ],
    ['for a transposed base', { fan_in_fan_out: true }, 'unsupported_model', /fan_in_fan_out/],
    ['for a pattern with wildcards', { rank_pattern: { '.*q_proj$': 4 } }, 'unsupported_model', /without wildcards/],
    ['without a rank', { r: undefined }, 'invalid_model', /^adapter_config.json: r is not/],
    ['with a rank of nothing', { r: 0 }, 'invalid_model', /^adapter_config.json: r is not/],
    ['with an alpha that is no number', { lora_alpha: 'much' }, 'invalid_model', /lora_alpha is not/],
    [
      'for another rank than its matrices have',
      { r: 5 },
      'invalid_model',
      /lora_A.weight" has shape \[4, 64\].*\[5, 64\]/,
    ],
  ])('%s', (_, config, code, message) => {
    const error = refusal(() => read({ config }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it.each<[string, string, string, RegExp]>([
    ['of the head', 'base_model.model.lm_head.lora_A.weight', 'unsupported_model', /q_proj, .*target_modules/],
    ['of embeddings', 'base_model.model.model.embed_tokens.lora_embedding_A', 'unsupported_model', /no LoRA matrix/],
    ['of magnitudes', a.replace('lora_A.weight', 'lora_magnitude_vector'), 'unsupported_model', /no LoRA matrix/],
    ['of a layer beyond', a.replace('layers.0', 'layers.2'), 'invalid_model', /layer 2, and the model has 2 layers/],
    ['without its other half', a.replace('q_proj', 'k_proj.x'), 'unsupported_model', /no LoRA matrix/],
  ])('for a tensor %s', (_, name, code, message) => {
    const error = refusal(() => read({ of: ['q'], change: renamed(name) }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('for a matrix that stands alone, or none at all', () => {
    expect(refusal(() => read({ change: (tensors) => tensors.delete(b) })).message).toMatch(/no tensor ".*lora_B/);
    expect(refusal(() => read({ change: (tensors) => tensors.clear() })).message).toMatch(/no matrices/);
  });

  it('for the shapes of another model', () => {
    const other = adapterFolder(checkpointFolder('llama'), { of: ['o'] });
    expect(() => readAdapter(other, { ...decoder(), heads: 8 })).toThrow(/lora_A.weight" has shape \[4, .*asks for/);
  });

  it('for feed-forward layers where experts are', () => {
    const folder = adapterFolder(checkpoint, { of: ['gate'] });
    expect(refusal(() => readAdapter(folder, decoder('qwen3-moe'))).message).toMatch(
      /here: q_proj, k_proj, v_proj, o_proj\./,
    );
  });

  it.each([Number.NaN, Infinity])('for a value of %d, when its matrices are read', (value) => {
    const adapter = read({ change: (tensors) => tensors.get(b)?.values.fill(value, 3, 4) });
    expect(refusal(() => [...adapter.matrices()]).message).toMatch(/lora_B.weight" holds a value that is no number/);
  });

  it('when a file is missing, cut short, or leads out of the folder', () => {
    const folder = adapterFolder(checkpoint);
    const weights = path.join(folder, 'adapter_model.safetensors');
    truncateSync(weights, 2_000);
    expect(refusal(() => readAdapter(folder, decoder())).code).toBe('invalid_model');
    rmSync(weights);
    expect(refusal(() => readAdapter(folder, decoder())).message).toMatch(
      /no adapter_model.safetensors. .*safe_serialization/,
    );
    const elsewhere = path.join(tmpdir(), `elsewhere-${process.pid}.safetensors`);
    writeFileSync(elsewhere, '');
    symlinkSync(elsewhere, weights);
    expect(refusal(() => readAdapter(folder, decoder())).message).toMatch(/leads out of/);
    rmSync(elsewhere);
  });
});
